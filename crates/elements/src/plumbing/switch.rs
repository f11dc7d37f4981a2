//! Switch and RoundRobinSwitch: packets to one of several outputs, whatever they are.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler, HandlerError,
};

use crate::args::{TypedArgs, handler_value};

/// A switch that is set to no output.
pub const SWITCHED_OFF: DropReason = DropReason::new("switched off");

pub(crate) const SWITCH: ElementClass = ElementClass {
    name: "Switch",
    ports: "1/-",
    processing: "h/h",
    flow: "x/x",
    doc: "Hands packets to the output that it is set to.

Argument: `Switch(OUTPUT)`, 0 by default; a negative number throws packets away.",
    handlers: HANDLERS,
    build,
};

pub(crate) const ROUND_ROBIN_SWITCH: ElementClass = ElementClass {
    name: "RoundRobinSwitch",
    ports: "1/1-",
    processing: "h/h",
    flow: "x/x",
    doc: "Hands packets to its outputs in turn.",
    handlers: &[],
    build: |_, _| Ok(Box::new(RoundRobinSwitch { next: 0 })),
};

const HANDLERS: &[Handler] = &[Handler::read_write(
    "switch",
    "the output that packets are handed to, or -1; so too where one is written that there is not",
)];

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let output = args.optional("OUTPUT").unwrap_or(0);
    let fits = output < 0 || is_output(output, cx.outputs);
    let expected = format!("an OUTPUT below {}", cx.outputs);
    args.require("OUTPUT", fits, &expected, output);
    Ok(Box::new(Switch { output }))
}

fn is_output(output: i32, outputs: usize) -> bool {
    usize::try_from(output).is_ok_and(|output| output < outputs)
}

struct Switch {
    output: i32,
}

impl Element for Switch {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        match usize::try_from(self.output) {
            Ok(output) if cx.has_output(output) => cx.push(output, batch),
            _ => cx.drop_all(batch, SWITCHED_OFF),
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "switch" => Ok(self.output.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, cx: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "switch" => {
                let output = handler_value(value)?;
                let known = output < 0 || is_output(output, cx.outputs());
                self.output = if known { output } else { -1 };
            }
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}

struct RoundRobinSwitch {
    next: usize,
}

impl Element for RoundRobinSwitch {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let outputs = cx.outputs().clamp(1, 256);
        cx.split(batch, |_| {
            let output = self.next;
            self.next = (self.next + 1) % outputs;
            output as u8
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{graph, run};

    #[test]
    fn switch_is_set_by_its_handler() {
        let text = "s :: InfiniteSource(LIMIT 10) -> w :: Switch(1); w[0] -> a :: Discard; w[1] -> b :: Discard;";
        let mut graph = graph(text);
        graph.run_until_idle(waypost_graph::Instant::ZERO, 100);
        graph.write("w.switch", "-1").unwrap();
        graph.write("s.limit", "15").unwrap();
        graph.run_until_idle(waypost_graph::Instant::ZERO, 100);
        assert!(graph.write("w.switch", "up").is_err());
        assert_eq!(graph.read("a.count").unwrap(), "0");
        assert_eq!(graph.read("b.count").unwrap(), "10");
        assert_eq!(graph.read("w.drop_reasons").unwrap(), "5 switched off");
    }

    #[test]
    fn round_robin_shares_evenly() {
        let graph = run(
            "InfiniteSource(LIMIT 101) -> w :: RoundRobinSwitch; w[0] -> a :: Discard; w[1] -> b :: Discard;",
        );
        assert_eq!(
            (
                graph.read("a.count").unwrap(),
                graph.read("b.count").unwrap()
            ),
            ("51".into(), "50".into())
        );
    }
}
