//! Annotations: what elements tell each other about a packet, and what a device says beside its octets.

use core::net::{Ipv4Addr, Ipv6Addr};

use waypost_netdev::{ChecksumState, FrameMeta, Segmentation, SegmentationKind, VlanTag};
use waypost_wire::WallTime;

use crate::descriptor::{
    CHECKSUM_PARTIAL, CHECKSUM_VERIFIED, FIX_SOURCE, NOTES, SEGMENTATION, SHARED, TIMESTAMP, TRACE,
    VLAN,
};
use crate::packet::{Notes, Packet};

/// Annotations: what elements tell each other about a packet.
impl Packet {
    /// Marks that the network header begins `offset` octets after the packet's first.
    #[inline(always)]
    pub fn set_network_offset(&mut self, offset: usize) {
        let it = self.raw_mut();
        it.marks.network = mark_at(it.offset, offset);
    }

    /// Marks that the transport header begins `offset` octets after the packet's first.
    #[inline(always)]
    pub fn set_transport_offset(&mut self, offset: usize) {
        let it = self.raw_mut();
        it.marks.transport = mark_at(it.offset, offset);
    }

    /// Marks no transport header any more.
    #[inline(always)]
    pub fn clear_transport(&mut self) {
        self.raw_mut().marks.transport = 0;
    }

    /// From the network header to the end, also where the header was stripped off the front;
    /// `None` if none is marked.
    #[inline(always)]
    pub fn network(&self) -> Option<&[u8]> {
        self.octets_at(self.raw().marks.network)
    }

    /// From the network header to the end, to be changed.
    #[inline(always)]
    pub fn network_mut(&mut self) -> Option<&mut [u8]> {
        self.make_unique();
        self.octets_at_mut(self.raw().marks.network)
    }

    /// From the transport header to the end; `None` if none is marked.
    #[inline(always)]
    pub fn transport(&self) -> Option<&[u8]> {
        self.octets_at(self.raw().marks.transport)
    }

    /// From the transport header to the end, to be changed.
    #[inline(always)]
    pub fn transport_mut(&mut self) -> Option<&mut [u8]> {
        self.make_unique();
        self.octets_at_mut(self.raw().marks.transport)
    }

    /// How far the network header lies behind the packet's first octet; negative where it was
    /// stripped off; `None` if none is marked.
    #[inline(always)]
    pub fn network_offset(&self) -> Option<isize> {
        let it = self.raw();
        let place = it.marks.network.checked_sub(1)?;
        Some(place as isize - it.offset as isize)
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn octets_at(&self, mark: u16) -> Option<&[u8]> {
        let it = self.raw();
        let place = u32::from(mark).checked_sub(1)?;
        let len = (it.offset + it.len).checked_sub(place)?;
        // SAFETY: `place + len = offset + len`, which is within the capacity.
        Some(unsafe {
            core::slice::from_raw_parts(it.base.as_ptr().add(place as usize), len as usize)
        })
    }

    #[inline(always)]
    #[allow(
        unsafe_code,
        clippy::needless_pass_by_ref_mut,
        reason = "the octets are the packet's"
    )]
    fn octets_at_mut(&mut self, mark: u16) -> Option<&mut [u8]> {
        let it = self.raw();
        let place = u32::from(mark).checked_sub(1)?;
        let len = (it.offset + it.len).checked_sub(place)?;
        // SAFETY: as above; the callers have made the octets this packet's own.
        Some(unsafe {
            core::slice::from_raw_parts_mut(it.base.as_ptr().add(place as usize), len as usize)
        })
    }

    /// The IPv4 destination annotation: where the packet is to go next; 0.0.0.0 in a new packet.
    #[inline(always)]
    pub fn destination(&self) -> Ipv4Addr {
        let octets = &self.raw().marks.destination;
        Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3])
    }

    /// Sets the IPv4 destination annotation.
    #[inline(always)]
    pub fn set_destination(&mut self, address: Ipv4Addr) {
        self.raw_mut().marks.destination[..4].copy_from_slice(&address.octets());
    }

    /// The IPv6 destination annotation; it shares its place with the IPv4 one.
    #[inline(always)]
    pub fn destination6(&self) -> Ipv6Addr {
        Ipv6Addr::from(self.raw().marks.destination)
    }

    /// Sets the IPv6 destination annotation.
    #[inline(always)]
    pub fn set_destination6(&mut self, address: Ipv6Addr) {
        self.raw_mut().marks.destination = address.octets();
    }

    /// The paint annotation, 0 in a new packet.
    #[inline(always)]
    pub fn paint(&self) -> u8 {
        self.raw().marks.paint
    }

    /// Sets the paint annotation.
    #[inline(always)]
    pub fn set_paint(&mut self, colour: u8) {
        self.raw_mut().marks.paint = colour;
    }

    /// To whom the link layer addressed the packet.
    #[inline(always)]
    pub fn link_destination(&self) -> LinkDestination {
        LinkDestination::from_code(self.raw().marks.link)
    }

    /// Sets to whom the link layer addressed the packet.
    #[inline(always)]
    pub fn set_link_destination(&mut self, destination: LinkDestination) {
        self.raw_mut().marks.link = destination as u8;
    }

    /// Whether the source address of the network header is to be set where the packet leaves, as for an
    /// ICMP error of a router.
    #[inline(always)]
    pub fn fixes_source(&self) -> bool {
        self.raw().flags & FIX_SOURCE != 0
    }

    /// Sets whether the source address is to be set where the packet leaves.
    #[inline(always)]
    pub fn set_fixes_source(&mut self, fixes: bool) {
        let it = self.raw_mut();
        it.flags = if fixes {
            it.flags | FIX_SOURCE
        } else {
            it.flags & !FIX_SOURCE
        };
    }

    /// Computes a transport checksum that a host has left unfinished, before the octets it covers are
    /// cut up; false if the packet says of it what cannot be.
    pub fn complete_checksum(&mut self) -> bool {
        let meta = self.frame_meta();
        let ChecksumState::Partial { start, offset } = meta.checksum else {
            return true;
        };
        let done =
            waypost_netdev::complete_checksum(self.octets_mut(), start.into(), offset.into());
        self.raw_mut().flags &= !CHECKSUM_PARTIAL;
        done
    }

    /// The number of the interface through which the packet came in, as whoever made the packet counts them: the elements of devices
    /// give the index that the interface has in its network namespace, and 0 where it has none or that is longer.
    #[inline(always)]
    pub fn ingress(&self) -> u16 {
        self.raw().marks.ingress
    }

    /// Sets the ingress interface.
    #[inline(always)]
    pub fn set_ingress(&mut self, interface: u16) {
        self.raw_mut().marks.ingress = interface;
    }

    /// A hash of the packet's flow, 0 if none was computed.
    #[inline(always)]
    pub fn flow_hash(&self) -> u32 {
        self.raw().marks.flow_hash
    }

    /// Sets the flow hash.
    #[inline(always)]
    pub fn set_flow_hash(&mut self, hash: u32) {
        self.raw_mut().marks.flow_hash = hash;
    }

    /// When the packet was received or made, if somebody noted it.
    #[inline(always)]
    pub fn timestamp(&self) -> Option<WallTime> {
        let it = self.raw();
        (it.flags & TIMESTAMP != 0).then(|| WallTime::from_unix_nanos(it.timestamp))
    }

    /// Notes when the packet was received or made.
    #[inline(always)]
    pub fn set_timestamp(&mut self, time: WallTime) {
        let it = self.raw_mut();
        it.timestamp = time.as_unix_nanos();
        it.flags |= TIMESTAMP;
    }

    /// The number under which somebody follows this packet through the graph.
    #[inline(always)]
    pub fn trace(&self) -> Option<u32> {
        let it = self.raw();
        (it.flags & TRACE != 0).then_some(it.trace)
    }

    /// Follows this packet under a number, or no longer.
    #[inline(always)]
    pub fn set_trace(&mut self, number: Option<u32>) {
        let it = self.raw_mut();
        it.flags &= !TRACE;
        if let Some(number) = number {
            it.trace = number;
            it.flags |= TRACE;
        }
    }

    /// Octets for the use of whoever runs the graph.
    #[inline(always)]
    pub fn notes(&self) -> Notes {
        let it = self.raw();
        if it.flags & NOTES != 0 {
            it.notes
        } else {
            [0; 16]
        }
    }

    /// Octets for the use of whoever runs the graph, to be changed.
    #[inline(always)]
    pub fn notes_mut(&mut self) -> &mut Notes {
        let it = self.raw_mut();
        if it.flags & NOTES == 0 {
            it.notes = [0; 16];
            it.flags |= NOTES;
        }
        &mut it.notes
    }

    /// What a device needs to know beside the octets.
    #[inline]
    pub fn frame_meta(&self) -> FrameMeta {
        let it = self.raw();
        let checksum = if it.flags & CHECKSUM_PARTIAL != 0 {
            let place = u32::from(it.marks.checksum_start).saturating_sub(1);
            let start = place.saturating_sub(it.offset) as u16;
            ChecksumState::Partial {
                start,
                offset: it.marks.checksum_offset,
            }
        } else if it.flags & CHECKSUM_VERIFIED != 0 {
            ChecksumState::Verified
        } else {
            ChecksumState::Unverified
        };
        FrameMeta {
            checksum,
            flow_hash: it.marks.flow_hash,
            segmentation: (it.flags & SEGMENTATION != 0).then(|| Segmentation {
                size: it.marks.segment_size,
                kind: kind_of(it.marks.segment_kind),
            }),
            timestamp: self.timestamp(),
            vlan: (it.flags & VLAN != 0).then_some(VlanTag {
                tpid: it.vlan_tpid,
                tci: it.vlan_tci,
            }),
        }
    }

    /// Takes over what a device said beside the octets.
    #[inline]
    pub fn set_frame_meta(&mut self, meta: FrameMeta) {
        let it = self.raw_mut();
        it.flags &= !(CHECKSUM_PARTIAL | CHECKSUM_VERIFIED | SEGMENTATION | VLAN | TIMESTAMP);
        it.marks.flow_hash = meta.flow_hash;
        match meta.checksum {
            ChecksumState::Unverified => {}
            ChecksumState::Verified => it.flags |= CHECKSUM_VERIFIED,
            ChecksumState::Partial { start, offset } => {
                it.flags |= CHECKSUM_PARTIAL;
                it.marks.checksum_start = match mark_at(it.offset, start.into()) {
                    0 => u16::MAX,
                    mark => mark,
                };
                it.marks.checksum_offset = offset;
            }
        }
        if let Some(segmentation) = meta.segmentation {
            it.flags |= SEGMENTATION;
            it.marks.segment_size = segmentation.size;
            it.marks.segment_kind = code_of(segmentation.kind);
        }
        if let Some(vlan) = meta.vlan {
            it.flags |= VLAN;
            it.vlan_tpid = vlan.tpid;
            it.vlan_tci = vlan.tci;
        }
        if let Some(time) = meta.timestamp {
            self.set_timestamp(time);
        }
    }

    /// Takes over all annotations of another packet, whose octets this one holds, or begins with. Marks of headers
    /// in front of the first octet are not taken over: this packet does not have those headers.
    pub fn copy_annotations(&mut self, other: &Self) {
        self.take_annotations(other);
        let (to, from) = (self.raw().offset as usize, other.raw().offset as usize);
        self.shift_marks(to as isize - from as isize, to);
    }

    /// Takes over all annotations of another packet, marks as they are: where the octets lie as far behind the
    /// frame's first.
    pub(crate) fn take_annotations(&mut self, other: &Self) {
        let (from, shared) = (other.raw(), self.raw().flags & SHARED);
        let it = self.raw_mut();
        it.marks = from.marks;
        it.flags = (from.flags & !SHARED) | shared;
        it.timestamp = from.timestamp;
        it.trace = from.trace;
        it.vlan_tpid = from.vlan_tpid;
        it.vlan_tci = from.vlan_tci;
        it.notes = from.notes;
    }

    /// Moves all marks, which count from the frame's first octet, and clears those that come to lie before `least`.
    pub(crate) fn shift_marks(&mut self, by: isize, least: usize) {
        let shift = |mark: u16| {
            let place = mark.checked_sub(1);
            let moved = place.and_then(|it| usize::try_from(it as isize + by).ok());
            let kept = moved.filter(|&it| it >= least);
            kept.map_or(0, |it| mark_at(0, it))
        };
        let it = self.raw_mut();
        it.marks.network = shift(it.marks.network);
        it.marks.transport = shift(it.marks.transport);
        it.marks.checksum_start = shift(it.marks.checksum_start);
        it.marks.stripped = shift(it.marks.stripped);
        if it.marks.checksum_start == 0 {
            it.flags &= !CHECKSUM_PARTIAL;
        }
    }

    /// The first octet that is the packet's, or was stripped off it, or belongs to a header that is still marked; counted
    /// from the frame's first.
    pub(crate) fn first_marked(&self) -> usize {
        let it = self.raw();
        let marks = [it.marks.network, it.marks.transport, it.marks.stripped];
        let places = marks.iter().filter_map(|mark| mark.checked_sub(1));
        let places = places.map(usize::from);
        places.fold(it.offset as usize, usize::min)
    }

    /// Computes a transport checksum left unfinished that begins among the first `count` octets: they are about to
    /// be taken off, and where it begins would no longer be known.
    #[cold]
    pub(crate) fn complete_checksum_within(&mut self, count: usize) {
        let it = self.raw();
        if usize::from(it.marks.checksum_start) <= it.offset as usize + count {
            self.complete_checksum();
        }
    }
}

/// A mark `offset` octets after the packet's first: one more than the place, from the frame's first octet on, since 0 is none; and
/// none for what lies beyond the first 65534 octets of a frame, where no header begins.
#[inline(always)]
fn mark_at(first: u32, offset: usize) -> u16 {
    let mark = (first as usize).saturating_add(offset).saturating_add(1);
    u16::try_from(mark).unwrap_or(0)
}

/// To whom the link layer addressed a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum LinkDestination {
    /// To this machine.
    #[default]
    Host = 0,
    /// To all.
    Broadcast = 1,
    /// To a group.
    Multicast = 2,
    /// To somebody else.
    OtherHost = 3,
}

impl LinkDestination {
    fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Broadcast,
            2 => Self::Multicast,
            3 => Self::OtherHost,
            _ => Self::Host,
        }
    }
}

fn code_of(kind: SegmentationKind) -> u8 {
    match kind {
        SegmentationKind::Tcp4 { ecn } => u8::from(ecn),
        SegmentationKind::Tcp6 { ecn } => 2 + u8::from(ecn),
        _ => 4,
    }
}

fn kind_of(code: u8) -> SegmentationKind {
    match code {
        0 | 1 => SegmentationKind::Tcp4 { ecn: code == 1 },
        2 | 3 => SegmentationKind::Tcp6 { ecn: code == 3 },
        _ => SegmentationKind::Udp,
    }
}
