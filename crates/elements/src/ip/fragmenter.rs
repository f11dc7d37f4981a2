//! IPFragmenter: packets cut to what a link carries.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Packet,
};
use waypost_ip::fragment::Fragments;
use waypost_netdev::{Medium, SegmentationKind};
use waypost_wire::{Ipv4Header, Ipv4Packet, UdpHeader};

use super::BAD_HEADER;
use crate::args::TypedArgs;

/// A packet is too long for the link, and must not be cut.
pub const FRAGMENTATION_NEEDED: DropReason = DropReason::new("fragmentation needed");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "IPFragmenter",
    ports: "1/1-2",
    processing: "h/h",
    flow: "x/x",
    doc: "Cuts packets into fragments that a link carries (RFC 791 §3.2). A packet that is too long and says \"don't fragment\"
goes to output 1, or is dropped without one. The network header must be marked and be the packet's first.

Arguments: `IPFragmenter(MTU, HONOR_DF)`, keywords too. `HONOR_DF`: false cuts packets that say \"don't fragment\" too.

A super-segment whose segments fit is passed on as it is: whoever sends it splits it. One whose segments do not fit is
split here, and each segment cut.

Deviations: the MTU is at least 68 (RFC 791 §3.2), where Click takes 8. Fragments of a packet that said \"don't fragment\" still
say so, and keep its identification. `VERBOSE` and `HEADROOM` are understood and change nothing: nothing is printed, and
there is always headroom.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::sum("fragments", "fragments that were made"),
    Handler::sum(
        "segments",
        "packets that super-segments were split into, to be cut or not",
    ),
    Handler::sum(
        "taken_apart",
        "packets that were cut into fragments, or split into segments",
    ),
    Handler::sum("drops", "packets that were too long and could not be cut"),
    Handler::read("mtu", "octets that the link carries"),
];

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let mtu = args.mandatory::<usize>("MTU");
    if let Ok(mtu) = mtu {
        let least = waypost_ip::fragment::MIN_MTU;
        let expected = format!("an MTU of at least {least} octets");
        args.require("MTU", mtu >= least, &expected, mtu);
    }
    let honours = args.optional("HONOR_DF").unwrap_or(true);
    let _: Option<bool> = args.optional("VERBOSE");
    let _: Option<usize> = args.keyword("HEADROOM");
    Ok(Box::new(IpFragmenter {
        mtu: mtu?,
        honours,
        fragments: 0,
        segments: 0,
        taken_apart: 0,
        drops: 0,
    }))
}

struct IpFragmenter {
    mtu: usize,
    honours: bool,
    fragments: u64,
    segments: u64,
    taken_apart: u64,
    drops: u64,
}

impl IpFragmenter {
    /// Whether the segments of a super-segment fit.
    fn segments_fit(&self, packet: &Packet) -> bool {
        let (Some(segmentation), Some(transport)) =
            (packet.frame_meta().segmentation, packet.transport())
        else {
            return false;
        };
        let header = match segmentation.kind {
            SegmentationKind::Udp => UdpHeader::LEN,
            _ => transport
                .get(12)
                .map_or(0, |octet| usize::from(octet >> 4) * 4),
        };
        // The transport header may be marked in front of the packet, where it was stripped off.
        let before = packet.len().checked_sub(transport.len());
        before.is_some_and(|before| before + header + usize::from(segmentation.size) <= self.mtu)
    }

    fn cut(
        &mut self,
        packet: &mut Packet,
        batch: &mut Batch,
        cx: &mut Cx<'_>,
    ) -> Result<(), DropReason> {
        // A checksum over octets that part company has to be finished now.
        packet.complete_checksum();
        let whole = Ipv4Packet::parse(packet.octets()).map_err(|_| BAD_HEADER)?;
        let fragments = if self.honours {
            Fragments::new(&whole, self.mtu)
        } else {
            Fragments::ignoring_dont_fragment(&whole, self.mtu)
        };
        let fragments = fragments.map_err(|_| FRAGMENTATION_NEEDED)?;
        for fragment in fragments {
            let made = cx.frames().packet_for(fragment.len()).and_then(|mut made| {
                let room = made.append(fragment.len())?;
                let (header, payload) = room.split_at_mut_checked(fragment.header().len())?;
                header.copy_from_slice(fragment.header());
                payload.copy_from_slice(whole.payload().get(fragment.payload())?);
                made.copy_annotations(packet);
                made.set_network_offset(0);
                made.set_transport_offset(fragment.header().len());
                Some(made)
            });
            match made {
                Some(made) => {
                    self.fragments += 1;
                    hand_out(made, batch, cx);
                }
                None => cx.count_drops(1, DropReason::NO_BUFFER),
            }
        }
        Ok(())
    }

    /// Frees a packet of which others were made.
    fn free(&mut self, packet: Packet, cx: &mut Cx<'_>) {
        self.taken_apart += 1;
        cx.frames().free_packet(packet);
    }

    /// Splits a super-segment, and cuts its segments: together they are not one datagram.
    #[cold]
    fn split_and_cut(
        &mut self,
        packet: &mut Packet,
        batch: &mut Batch,
        cx: &mut Cx<'_>,
    ) -> Result<(), DropReason> {
        let (header, _) = Ipv4Header::split_from(packet.octets()).map_err(|_| BAD_HEADER)?;
        if self.honours && header.dont_fragment() {
            return Err(FRAGMENTATION_NEEDED);
        }
        let header_len = header.header_len();
        let mut pieces = Vec::new();
        let split = cx
            .frames()
            .split(packet, Medium::Ip, |piece| pieces.push(piece));
        let Ok(missing) = split else {
            // What is said beside the octets does not agree with them: they count.
            let mut meta = packet.frame_meta();
            meta.segmentation = None;
            packet.set_frame_meta(meta);
            return self.cut(packet, batch, cx);
        };
        if missing > 0 {
            cx.count_drops(missing as u64, DropReason::NO_BUFFER);
        }
        self.segments += pieces.len() as u64;
        for mut piece in pieces {
            let meta = piece.frame_meta();
            piece.copy_annotations(packet);
            piece.set_frame_meta(meta);
            piece.set_network_offset(0);
            piece.set_transport_offset(header_len);
            if piece.len() <= self.mtu {
                hand_out(piece, batch, cx);
                continue;
            }
            let cut = self.cut(&mut piece, batch, cx);
            match cut {
                Ok(()) => self.free(piece, cx),
                Err(reason) => {
                    self.drops += 1;
                    cx.emit_or_drop(1, piece, reason);
                }
            }
        }
        Ok(())
    }
}

/// Puts a packet behind those in `batch`, which leave first if it is full.
fn hand_out(packet: Packet, batch: &mut Batch, cx: &mut Cx<'_>) {
    if let Err(packet) = batch.push(packet) {
        cx.push(0, batch);
        // It was emptied just now.
        drop(batch.push(packet));
    }
}

impl Element for IpFragmenter {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        if batch.iter().all(|packet| packet.len() <= self.mtu) {
            return;
        }
        let mut out = cx.take_batch();
        for mut packet in batch.drain() {
            let passes = packet.len() <= self.mtu || self.segments_fit(&packet);
            let cut = if passes {
                None
            } else if packet.frame_meta().segmentation.is_some() {
                Some(self.split_and_cut(&mut packet, &mut out, cx))
            } else {
                Some(self.cut(&mut packet, &mut out, cx))
            };
            match cut {
                None => hand_out(packet, &mut out, cx),
                Some(Ok(())) => self.free(packet, cx),
                Some(Err(reason)) => {
                    self.drops += 1;
                    cx.emit_or_drop(1, packet, reason);
                }
            }
        }
        cx.push(0, &mut out);
        cx.put_batch(out);
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "fragments" => Ok(self.fragments.to_string()),
            "segments" => Ok(self.segments.to_string()),
            "taken_apart" => Ok(self.taken_apart.to_string()),
            "drops" => Ok(self.drops.to_string()),
            "mtu" => Ok(self.mtu.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }
}
