//! IPClassifier and its language: packets told apart by what their headers say.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler, HandlerError,
};

use super::expression::{Expression, Headers};

/// A packet matches none of the expressions.
pub const NO_EXPRESSION: DropReason = DropReason::new("no expression matches");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "IPClassifier",
    ports: "1/-",
    processing: "h/h",
    flow: "x/x",
    doc: "Tells IP packets apart by what their headers say. The network header must be marked.

Arguments: an expression for each output; a packet goes to the output of the first that holds, and is dropped if none does.

- `-`, `true`, `any`, `all`: every packet; `false`, `none`: none.
- `[ip] proto tcp|udp|icmp|NUMBER`, and `tcp`, `udp`, `icmp` alone.
- `[src|dst|src or dst|src and dst] [host] ADDR`, `[src|dst] net ADDR/LENGTH`; without `src` or `dst` either will do.
- `[src|dst] [tcp|udp] port NUMBER`, or `port A-B`.
- `icmp type NUMBER`, or a name: `echo`, `echo-reply`, `unreachable`, `timeexceeded`, `redirect`.
- `tcp opt syn|ack|fin|rst|psh|urg`: the flag is set.
- `ip ttl N`, `ip tos N`, `ip dscp N`, `ip vers N`, `ip hl N`, `ip id N`: with `=`, `!=`, `<`, `>`, `<=`, `>=` in front of the
  number if wanted.
- `ip frag`, `ip unfrag`: a fragment, or none.
- `not`, `!`, `and`, `&&`, `or`, `||`, and parentheses; `and` binds closer than `or`.

What needs a transport header does not hold for a fragment but the first.

Deviations: Click's `ip[OFFSET:LEN]`, `ip ce`, `ip ect`, `src and dst` of ports and its ternary `? :` are not there.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[Handler::read("program", "the expressions, one a line")];

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let texts = args.take_rest();
    if texts.len() != cx.outputs {
        let message = format!("{} expressions for {} outputs", texts.len(), cx.outputs);
        return Err(ConfigError::new(message)
            .help("give each output an expression; `-` matches every packet"));
    }
    let expressions = texts
        .iter()
        .map(|text| Expression::parse(text).map_err(ConfigError::new));
    Ok(Box::new(IpClassifier {
        expressions: expressions.collect::<Result<_, _>>()?,
        texts,
    }))
}

struct IpClassifier {
    expressions: Box<[Expression]>,
    texts: Vec<String>,
}

impl Element for IpClassifier {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        batch.filter_map(|packet| {
            let headers = packet.network().and_then(Headers::of);
            let output = headers
                .and_then(|headers| self.expressions.iter().position(|it| it.holds(&headers)));
            match output {
                Some(0) => Some(packet),
                Some(output) => {
                    cx.emit(output, packet);
                    None
                }
                None => {
                    cx.drop(packet, NO_EXPRESSION);
                    None
                }
            }
        });
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "program" => Ok(self.texts.join("\n")),
            _ => Err(HandlerError::unknown(handler)),
        }
    }
}
