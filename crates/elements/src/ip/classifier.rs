//! IPClassifier: packets told apart by what their headers say.

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
- `[ip] proto PROTO`: a number, or `tcp`, `udp`, `icmp`, `igmp`, `ipip`, which may stand alone too.
- `[src|dst|src or dst|src and dst] [host] ADDR`, `… [net] ADDR/LENGTH` or `net ADDR mask MASK`; without `src` or `dst`
  either will do.
- `[src|dst|…] [tcp|udp] port PORT`: a number, a name such as `www`, or `A-B`, from A to B. A name may stand alone.
- `icmp type TYPE`: a number, or a name such as `echo` or `timeexceeded`.
- `[tcp opt] syn|ack|fin|rst|psh|urg`: the flag is set. `tcp win N`: the window.
- `ip ttl N`, `ip tos N`, `ip dscp N`, `ip vers N`, `ip hl N` (in words of four octets), `ip id N`.
- `[ip] frag`, `[ip] unfrag`: a fragment, or none. `ip ect`: capable of congestion notification; `ip ce`: congestion was met.
- `ip[AT:LEN] N`, `transp[AT:LEN] N`, `tcp[AT:LEN] N` and so on: the octets there, up to four, one without `:LEN`.
- `not`, `!`, `and`, `&&`, `or`, `||`, `A ? B : C`, and parentheses; `and` binds closer than `or`, and `?` loosest.

Before a value there may be `=`, `==` or `!=`, and before a number `<`, `>`, `<=` or `>=`: `dst port > 1023`. Before that there
may be `& MASK`, as a number, or of an address as an address too; without a value the result, which is a number's, must not be 0 then. A value alone takes up the words before the last value:
`src port 80 or 81`.

What needs a transport header does not hold for a fragment but the first. `port != 80` does not hold for what has no ports;
`not port 80` does.

Deviations: Click's `ether host`, and names of hosts, are not there, nor are the handlers `pattern0` and so on. Click's
`program` shows steps; here it shows the expressions. There is no
warning about an expression that never decides.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[Handler::read("program", "the expressions, one a line")];

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let expressions = args.read_rest(Expression::parse);
    if args.len() != cx.outputs {
        let message = format!("{} expressions for {} outputs", args.len(), cx.outputs);
        return Err(ConfigError::new(message)
            .help("give each output an expression; `-` matches every packet"));
    }
    Ok(Box::new(IpClassifier {
        expressions: expressions.into(),
        texts: args.iter().map(str::to_owned).collect(),
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
