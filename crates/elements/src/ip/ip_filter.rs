//! IPFilter: IP packets let pass or dropped by what their headers say.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler, HandlerError,
};

use super::expression::{Expression, Headers};

/// A filter says that a packet is dropped, or none holds for it.
pub const FILTERED: DropReason = DropReason::new("filtered");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "IPFilter",
    ports: "1/-",
    processing: "h/h",
    flow: "x/x",
    doc: "Lets IP packets pass, or drops them, by what their headers say. The network header must be marked.

Arguments: filters, each `ACTION EXPRESSION`; the first whose expression holds decides, and a packet for which none holds is
dropped. An action is `allow`, which is output 0; the number of an output; or `drop` or `deny`. Expressions are those of
`IPClassifier`.

Deviations: those of `IPClassifier`.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[Handler::read("program", "the filters, one a line")];

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let filters = args.read_rest(|text| filter(text.trim(), cx.outputs));
    Ok(Box::new(IpFilter {
        filters: filters.into(),
        texts: args.iter().map(str::to_owned).collect(),
    }))
}

/// What is done with packets for which an expression holds: the output, if they pass.
type Filter = (Option<usize>, Expression);

fn filter(text: &str, outputs: usize) -> Result<Filter, ConfigError> {
    let (action, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let output = match action {
        "allow" => Some(0),
        "drop" | "deny" => None,
        number => {
            let expected = || ConfigError::expected("`allow`, `deny` or an output's number", text);
            Some(number.parse().map_err(|_| expected())?)
        }
    };
    if output.is_some_and(|output| output >= outputs) {
        let expected = format!("an output below {outputs}");
        return Err(ConfigError::expected(&expected, text));
    }
    Ok((output, Expression::parse(rest).map_err(ConfigError::new)?))
}

struct IpFilter {
    filters: Box<[Filter]>,
    texts: Vec<String>,
}

impl Element for IpFilter {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        batch.filter_map(|packet| {
            let headers = packet.network().and_then(Headers::of);
            let deciding = headers.and_then(|headers| {
                let mut filters = self.filters.iter();
                filters.find(|(_, expression)| expression.holds(&headers))
            });
            match deciding.and_then(|(output, _)| *output) {
                Some(0) => Some(packet),
                Some(output) => {
                    cx.emit(output, packet);
                    None
                }
                None => {
                    cx.drop(packet, FILTERED);
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
