//! EtherEncap: an Ethernet header in front.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Input, Output, Packet, Typed,
};
use waypost_wire::{EtherType, EthernetHeader, MacAddr};

use crate::args::{TypedArgs, handler_value};

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "EtherEncap",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Puts an Ethernet header in front of packets.

Arguments: `EtherEncap(ETHERTYPE, SRC, DST)`. `ETHERTYPE` is decimal, or hexadecimal where it begins with `0` or has letters.

Deviations: Click takes a number that begins with `0` for octal. The handlers show addresses with colons, and the type in hexadecimal, where
Click has dashes, and a decimal number.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::read_write(
        "ethertype",
        "the type of what follows, as among the arguments",
    ),
    Handler::read_write("src", "the source address"),
    Handler::read_write("dst", "the destination address"),
];

const ETHERTYPE: &str = "an ETHERTYPE such as 0x0800";

/// A number as in C, but that hexadecimal ones are known by a leading 0 or a letter too.
fn ethertype(text: &str) -> Option<u16> {
    let prefixed = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match prefixed {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None if text.starts_with('0') => u16::from_str_radix(text, 16).ok(),
        None => text.parse().ok().or_else(|| {
            let letters = text.contains(|it: char| it.is_ascii_alphabetic());
            u16::from_str_radix(text, 16).ok().filter(|_| letters)
        }),
    }
}

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let said: Result<String, _> = args.mandatory("ETHERTYPE");
    let (source, destination) = (args.mandatory("SRC"), args.mandatory("DST"));
    let said = said?;
    let ethertype = ethertype(&said);
    args.require("ETHERTYPE", ethertype.is_some(), ETHERTYPE, &said);
    Ok(Box::new(EtherEncap::new(
        EtherType(ethertype.unwrap_or_default()),
        source?,
        destination?,
    )))
}

/// Puts an Ethernet header in front of packets.
#[derive(Clone, Copy, Debug)]
pub struct EtherEncap {
    header: [u8; EthernetHeader::LEN],
}

impl EtherEncap {
    /// The header to put in front.
    pub fn new(ethertype: EtherType, source: MacAddr, destination: MacAddr) -> Self {
        Self {
            header: *EthernetHeader::new(destination, source, ethertype).as_bytes(),
        }
    }

    fn parsed(&self) -> EthernetHeader {
        EthernetHeader::from_bytes(self.header)
    }
}

impl Element for EtherEncap {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        batch.retain_or(
            |packet| match packet.prepend(EthernetHeader::LEN) {
                Some(room) => {
                    room.copy_from_slice(&self.header);
                    true
                }
                None => false,
            },
            |packet| cx.drop(packet, DropReason::NO_BUFFER),
        );
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        let header = self.parsed();
        match handler {
            "ethertype" => Ok(format!("0x{:04x}", header.ethertype().0)),
            "src" => Ok(header.source().to_string()),
            "dst" => Ok(header.destination().to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        let now = self.parsed();
        let (mut kind, mut source, mut destination) =
            (now.ethertype(), now.source(), now.destination());
        match handler {
            "ethertype" => {
                let wrong = || HandlerError::new(format!("expected {ETHERTYPE}, found `{value}`"));
                kind = EtherType(ethertype(value.trim()).ok_or_else(wrong)?);
            }
            "src" => source = handler_value(value)?,
            "dst" => destination = handler_value(value)?,
            _ => return Err(HandlerError::unknown(handler)),
        }
        *self = Self::new(kind, source, destination);
        Ok(())
    }
}

impl Typed for EtherEncap {
    type Inputs = Input<Packet>;
    type Outputs = Output<Packet>;
}
