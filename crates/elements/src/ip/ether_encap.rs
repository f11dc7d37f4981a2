//! EtherEncap: an Ethernet header in front.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Input, Output, Packet,
    Typed,
};
use waypost_wire::{EtherType, EthernetHeader, MacAddr};

use crate::args::TypedArgs;

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "EtherEncap",
    ports: "1",
    processing: "a/a",
    flow: "x/x",
    doc: "Puts an Ethernet header in front of packets.

Arguments: `EtherEncap(ETHERTYPE, SRC, DST)`.",
    handlers: &[],
    build,
};

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    // Click writes this number in hexadecimal with or without its prefix.
    let text = args.take_mandatory("ETHERTYPE")?;
    let digits = text.strip_prefix("0x").unwrap_or(&text);
    let ethertype = u16::from_str_radix(digits, 16)
        .map_err(|_| ConfigError::expected("ETHERTYPE in hexadecimal, such as 0x0800", &text))?;
    let (source, destination) = (args.mandatory("SRC")?, args.mandatory("DST")?);
    Ok(Box::new(EtherEncap::new(
        EtherType(ethertype),
        source,
        destination,
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
}

impl Element for EtherEncap {
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        batch.filter_map(|mut packet| {
            if let Some(room) = packet.prepend(EthernetHeader::LEN) {
                room.copy_from_slice(&self.header);
                return Some(packet);
            }
            cx.drop(packet, DropReason::NO_BUFFER);
            None
        });
    }
}

impl Typed for EtherEncap {
    type Inputs = Input<Packet>;
    type Outputs = Output<Packet>;
}
