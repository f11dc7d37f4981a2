//! Memory for one frame.

use crate::{ChecksumState, FrameMeta, LentRx, LentTx};

/// Memory for one frame.
#[derive(Debug)]
pub(crate) struct Slot<const OCTETS: usize> {
    pub(crate) octets: [u8; OCTETS],
    /// How many of the octets are the frame.
    pub(crate) len: usize,
    pub(crate) meta: FrameMeta,
}

impl<const OCTETS: usize> Slot<OCTETS> {
    /// A slot without a frame.
    pub(crate) const EMPTY: Self = Self {
        octets: [0; OCTETS],
        len: 0,
        meta: FrameMeta {
            checksum: ChecksumState::Unverified,
            flow_hash: 0,
            segmentation: None,
            timestamp: None,
            vlan: None,
        },
    };

    /// Lends the slot to be written by `each`, and says whether a frame was. A frame that does not fit
    /// counts as `too_long`.
    pub(crate) fn write(&mut self, too_long: &mut u64, each: impl FnOnce(LentTx<'_>)) -> bool {
        let mut sent = None;
        each(LentTx::counting(&mut self.octets, &mut sent, too_long));
        let Some((len, meta)) = sent else {
            return false;
        };
        (self.len, self.meta) = (len, meta);
        true
    }

    /// Copies a frame, and says whether it fits.
    pub(crate) fn store(&mut self, octets: &[u8], meta: FrameMeta) -> bool {
        let Some(room) = self.octets.get_mut(..octets.len()) else {
            return false;
        };
        room.copy_from_slice(octets);
        (self.len, self.meta) = (octets.len(), meta);
        true
    }

    /// Lends the frame to `each`, and says whether it was taken.
    pub(crate) fn lend(&mut self, each: impl FnOnce(LentRx<'_>)) -> bool {
        let mut left = false;
        each(LentRx::new(
            &mut self.octets[..self.len],
            self.meta,
            &mut left,
        ));
        !left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RxFrame, TxFrame};

    #[test]
    fn a_frame_is_written_or_stored_if_it_fits() {
        let (mut slot, mut too_long) = (Slot::<3>::EMPTY, 0);
        let meta = FrameMeta {
            flow_hash: 9,
            ..FrameMeta::default()
        };
        for (len, fits) in [(2, true), (4, false), (3, true)] {
            let fill = |octets: &mut [u8]| octets.fill(1);
            let written = slot.write(&mut too_long, |room| room.send(len, meta, fill));
            assert_eq!(written, fits);
        }
        assert!(!slot.write(&mut too_long, |_| ()));
        assert!(slot.lend(|frame| {
            assert_eq!((frame.octets(), frame.meta()), (&[1; 3][..], meta));
        }));
        assert!(!slot.lend(|frame| frame.leave()));
        assert_eq!(too_long, 1);
        assert!(slot.store(&[2; 2], FrameMeta::default()) && !slot.store(&[3; 4], meta));
        slot.lend(|frame| assert_eq!(frame.octets(), [2; 2]));
    }
}
