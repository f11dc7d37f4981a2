//! Elements of classes that a text can name, in a graph that is built in Rust.

use waypost_graph_text::{ArgMistake, Args, CountRange, PortCounts, Processing, ProcessingCode};
use waypost_packet::Pool;

use crate::builder::{Builder, Ports};
use crate::class::{BuildCx, ConfigError, ElementClass};

impl Builder {
    /// Adds an element of a class, made from its arguments as a text would give them, and hands out its ports, whose types the
    /// caller names: how many there are, and which push and which pull, is held against what the class says.
    ///
    /// The types also say the kinds of the packets. Plain [`Packet`](crate::Packet)s fit all classes; with another kind
    /// the caller promises what [`declare`](Self::declare) has one promise. Elements that share a device are added in the order in
    /// which a text would make them: those with outputs first.
    ///
    /// ```
    /// use waypost_graph::{Args, Batch, Builder, BuildCx, Cx, Element, ElementClass, Input, Output, Packet, Pool};
    ///
    /// struct Paint(u8);
    ///
    /// impl Element for Paint {
    ///     fn push(&mut self, _: usize, batch: &mut Batch, _: &mut Cx<'_>) {
    ///         batch.iter_mut().for_each(|packet| packet.set_paint(self.0));
    ///     }
    /// }
    ///
    /// const PAINT: ElementClass = ElementClass {
    ///     name: "Paint",
    ///     ports: "1/1",
    ///     processing: "a/a",
    ///     flow: "x/x",
    ///     doc: "Paints packets.",
    ///     handlers: &[],
    ///     build: |args, _| {
    ///         let color = args.take_mandatory("COLOR")?;
    ///         let color = color.parse().map_err(|_| waypost_graph::ConfigError::expected("a color", &color))?;
    ///         Ok(Box::new(Paint(color)))
    ///     },
    /// };
    ///
    /// let pool = Pool::builder().small(256).build()?;
    /// let mut graph = Builder::new();
    /// let (input, output): (Input<Packet>, Output<Packet>) = graph.add_class(&PAINT, "paint", "COLOR 3", &pool)?;
    /// let wrong = graph.add_class::<Input<Packet>, [Output<Packet>; 2]>(&PAINT, "again", "3", &pool).unwrap_err();
    /// assert_eq!(wrong.to_string(), "`Paint` has 1/1 ports, not 1/2");
    /// # let _ = (input, output);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The class has no such ports, or refuses the arguments; the graph is as before.
    pub fn add_class<I: Ports, O: Ports>(
        &mut self,
        class: &ElementClass,
        name: &str,
        arguments: &str,
        pool: &Pool,
    ) -> Result<(I, O), ConfigError> {
        let info = class.info().map_err(|why| {
            ConfigError::new(format!("class `{}` is malformed: {why}", class.name))
        })?;
        check_counts(class, &info.ports, (I::COUNT, O::COUNT))?;
        let (inputs, outputs) = (I::pulls(), O::pulls());
        check_modes(class, &info.processing, (&inputs, &outputs))?;
        for (input, &pulled) in inputs.iter().enumerate() {
            for (output, &asked) in outputs.iter().enumerate() {
                let agnostic = info.processing.input(input).is_none()
                    && info.processing.output(output).is_none();
                if agnostic && pulled != asked && info.flow.flows(input, output) {
                    return Err(ConfigError::new(format!(
                        "input {input} and output {output} of `{}` are both push or both pull",
                        class.name
                    )));
                }
            }
        }
        let mut cx = BuildCx {
            name,
            inputs: I::COUNT,
            outputs: O::COUNT,
            worker: 0,
            workers: 1,
            pool,
            commons: &self.commons,
        };
        let mut args = Args::split(arguments);
        let element = class.make(&mut args, &mut cx).map_err(all)?;
        let ports = (I::COUNT, O::COUNT);
        let slot = self
            .plan
            .add(name, class.name, arguments, element, ports, Some(info.flow));
        Ok(self.ports_of(slot))
    }
}

/// All mistakes, as one.
fn all(mistakes: Vec<ArgMistake>) -> ConfigError {
    let told: Vec<_> = mistakes
        .into_iter()
        .map(|it| ConfigError::from(it.error).to_string())
        .collect();
    ConfigError::new(told.join("; "))
}

fn check_counts(
    class: &ElementClass,
    counts: &PortCounts,
    (inputs, outputs): (usize, usize),
) -> Result<(), ConfigError> {
    let within = |range: CountRange, count| (range.least..=range.most).contains(&count);
    if within(counts.inputs(), inputs) && within(counts.outputs(inputs), outputs) {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "`{}` has {} ports, not {inputs}/{outputs}",
        class.name, class.ports
    )))
}

fn check_modes(
    class: &ElementClass,
    code: &ProcessingCode,
    (inputs, outputs): (&[bool], &[bool]),
) -> Result<(), ConfigError> {
    let sides = [
        ("input", inputs, ProcessingCode::input as fn(&_, _) -> _),
        ("output", outputs, ProcessingCode::output),
    ];
    for (side, ports, said) in sides {
        for (port, &pull) in ports.iter().enumerate() {
            let mode = if pull {
                Processing::Pull
            } else {
                Processing::Push
            };
            let said: Option<Processing> = said(code, port);
            if said.is_some_and(|said| said != mode) {
                let (is, not) = if pull {
                    ("push", "pull")
                } else {
                    ("pull", "push")
                };
                return Err(ConfigError::new(format!(
                    "{side} {port} of `{}` is {is}, not {not}",
                    class.name
                )));
            }
        }
    }
    Ok(())
}
