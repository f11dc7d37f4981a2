//! Finishing packets for devices that cannot: tags, checksums, super-segments.

use waypost_netdev::{ChecksumState, Medium, Offloads, SegmentError, Segments};

use crate::allocator::Allocator;
use crate::descriptor::{CHECKSUM_PARTIAL, SEGMENTATION, VLAN};
use crate::packet::Packet;

impl Packet {
    /// Whether something of the packet was left to a device: its checksum, a VLAN tag beside the octets, splitting it.
    #[inline(always)]
    pub fn is_unfinished(&self) -> bool {
        self.raw().flags & (CHECKSUM_PARTIAL | VLAN | SEGMENTATION) != 0
    }

    /// Whether a device of these `offloads` takes the packet as it is.
    #[inline]
    pub fn is_finished_for(&self, offloads: Offloads) -> bool {
        !self.is_unfinished()
            || (!self.wants_splitting(offloads)
                && (offloads.checksum || self.raw().flags & CHECKSUM_PARTIAL == 0)
                && (offloads.vlan_insertion || self.raw().flags & VLAN == 0))
    }

    /// Whether the packet has to be split for a device of these `offloads`, by [`Allocator::split`].
    pub fn wants_splitting(&self, offloads: Offloads) -> bool {
        let kind = self.frame_meta().segmentation.map(|it| it.kind);
        kind.is_some_and(|kind| !offloads.splits(kind))
    }

    /// Does for a packet what a device of these `offloads` does not, but for splitting it: puts the VLAN tag into the octets,
    /// computes the checksum. False if the packet says of itself what cannot be, or there is no room for the tag.
    pub fn finish(&mut self, offloads: Offloads) -> bool {
        let meta = self.frame_meta();
        if !offloads.checksum && meta.segmentation.is_none() && !self.complete_checksum() {
            return false;
        }
        match meta.vlan {
            Some(_) if !offloads.vlan_insertion => self.insert_vlan_tag(),
            _ => true,
        }
    }

    /// Puts the VLAN tag that lies beside the octets behind the link addresses (IEEE 802.1Q §9.3). False if there is no room,
    /// or no link header.
    fn insert_vlan_tag(&mut self) -> bool {
        const ADDRESSES: usize = 12;
        const TAG: usize = 4;
        let mut meta = self.frame_meta();
        let Some(tag) = meta.vlan.take() else {
            return true;
        };
        if self.len() < ADDRESSES + 2 {
            return false;
        }
        if self.prepend(TAG).is_none() {
            return false;
        }
        let octets = self.octets_mut();
        octets.copy_within(TAG..TAG + ADDRESSES, 0);
        octets[ADDRESSES..ADDRESSES + 2].copy_from_slice(&tag.tpid.to_be_bytes());
        octets[ADDRESSES + 2..ADDRESSES + TAG].copy_from_slice(&tag.tci.to_be_bytes());
        if let ChecksumState::Partial { start, .. } = &mut meta.checksum {
            *start += TAG as u16;
        }
        self.set_frame_meta(meta);
        true
    }
}

impl Allocator {
    /// Splits a super-segment that begins as `medium` says, hands the pieces to `each` in order, and says how many are missing
    /// from the end because the pool was exhausted.
    ///
    /// # Errors
    /// The packet is no super-segment, or not what it says of itself; nothing was handed out.
    pub fn split(
        &mut self,
        packet: &Packet,
        medium: Medium,
        mut each: impl FnMut(Packet),
    ) -> Result<usize, SegmentError> {
        let mut segments = Segments::new(packet.octets(), &packet.frame_meta(), medium)?;
        while let Some(len) = segments.next_len() {
            let Some(mut piece) = self.packet_for(len) else {
                return Ok(segments.left());
            };
            if let Some(meta) = piece.append(len).and_then(|room| segments.write_next(room)) {
                piece.set_frame_meta(meta);
                each(piece);
            }
        }
        Ok(0)
    }
}
