//! The element classes of simulated graphs: what touches the machine is another, or is not there.

use std::sync::LazyLock;

use waypost_elements::device::{Egress, Ingress, Port};
use waypost_graph::{Args, BuildCx, ConfigError, Element, ElementClass, Registry};
use waypost_sim::Device;

/// The classes of graphs that are not simulated.
static ELSEWHERE: LazyLock<Registry> = LazyLock::new(waypost_elements::registry);

/// All classes, with the node's ports in the place of interfaces; there is no kernel to have a TAP interface in, and no folder for
/// scripts to write into. What says how an interface of the kernel is used is read and has no meaning here.
pub(super) static CLASSES: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = ELSEWHERE.clone();
    for class in ELSEWHERE.classes() {
        let build = match class.name {
            "FromDevice" => from_device,
            "ToDevice" => to_device,
            "KernelTap" => kernel_tap,
            "Script" => script,
            "DriverManager" => driver_manager,
            _ => continue,
        };
        registry.add(ElementClass {
            build,
            ..class.clone()
        });
    }
    registry
});

/// A port's device, and the number that packets carry which came in there.
pub(super) struct Plug(pub(super) Device, pub(super) u16);

pub(super) fn key(name: &str) -> String {
    format!("simulated device {name}")
}

fn from_device(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let (device, number) = plug(args, cx)?;
    Ok(Box::new(Port::<_, Ingress>::new(device).numbered(number)))
}

fn to_device(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let (device, _) = plug(args, cx)?;
    Ok(Box::new(Port::<_, Egress>::new(device)))
}

fn kernel_tap(_: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let error = ConfigError::new("a simulated graph has no kernel to make an interface in");
    Err(error.help("expected `FromDevice` and `ToDevice`, of a port with a link to another node"))
}

fn plug(args: &mut Args, cx: &BuildCx<'_>) -> Result<(Device, u16), ConfigError> {
    const MEANINGLESS: &[&str] = &[
        "BURST",
        "BUSY_POLL",
        "DEBUG",
        "FANOUT",
        "METHOD",
        "MODE",
        "OUTBOUND",
        "PEER",
        "PROMISC",
        "QDISC_BYPASS",
        "QUEUE",
        "RING",
        "SNIFFER",
        "ZERO_COPY",
    ];
    let word = args.take_mandatory("DEVNAME")?;
    let name = waypost_graph::unquote_text(&word);
    let name =
        name.ok_or_else(|| ConfigError::expected("a word for DEVNAME", &word).about("DEVNAME"))?;
    for keyword in MEANINGLESS {
        args.take(keyword);
    }
    let found = cx.shared::<Plug>(&key(&name), || {
        let wrong = ConfigError::new(format!("this node has no port `{name}`"));
        Err(wrong.about("DEVNAME"))
    })?;
    Ok((found.0.clone(), found.1))
}

fn script(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    without_files("Script", args, cx)
}

fn driver_manager(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    without_files("DriverManager", args, cx)
}

/// A script as elsewhere, if it writes into no file: that would be one of the machine, and the same for all nodes of this text.
fn without_files(
    class: &str,
    args: &mut Args,
    cx: &mut BuildCx<'_>,
) -> Result<Box<dyn Element>, ConfigError> {
    if let Some(instruction) = args.iter().find(|it| writes_file(it)) {
        let instruction = instruction.trim();
        let message = format!("a simulated graph has no file to write into: `{instruction}`");
        let help = "expected `print` alone, which writes to standard output, or figures that are read in the end";
        return Err(ConfigError::new(message).help(help));
    }
    let class = ELSEWHERE.find(class);
    let class = class.ok_or_else(|| ConfigError::new("this class is not there"))?;
    (class.build)(args, cx)
}

/// Whether an instruction of a script writes into a file; `-` is standard output.
fn writes_file(instruction: &str) -> bool {
    let shift = |text: &str| {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        (word.to_owned(), rest.trim().to_owned())
    };
    let (word, rest) = shift(instruction.trim());
    let file = match word.as_str() {
        "print" | "printn" | "printq" | "printnq" => {
            let file = rest.trim_start_matches('>');
            (file != rest).then(|| shift(file.trim_start()).0)
        }
        "save" | "append" => Some(shift(&rest).1),
        _ => None,
    };
    file.is_some_and(|file| !matches!(file.as_str(), "" | "-"))
}

#[cfg(test)]
mod tests {
    use super::writes_file;

    #[test]
    fn instructions_that_write_files_are_known() {
        for instruction in [
            "print >x c.count",
            " printn  >>x \"text\"",
            "printq > x c.count",
            "printnq >$FILE c.count",
            "save c.count x",
            "append c.count  a/x",
        ] {
            assert!(writes_file(instruction), "{instruction}");
        }
        for instruction in [
            "print c.count",
            "print >- c.count",
            "print \">x\"",
            "save c.count -",
            "save c.count",
            "set x >y",
            "wait 1",
            "print",
            "",
        ] {
            assert!(!writes_file(instruction), "{instruction}");
        }
    }
}
