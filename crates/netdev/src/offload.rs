//! What a device does in software where its hardware cannot.

use waypost_wire::Checksum;

/// Finishes a checksum of which the pseudo-header's sum stands in the field: sums the octets from
/// `start` to the end, and stores the checksum `offset` octets after `start`
/// ([`ChecksumState::Partial`](crate::ChecksumState::Partial)). False, and nothing changed, if the field is not inside.
pub fn complete_checksum(octets: &mut [u8], start: usize, offset: usize) -> bool {
    let Some(covered) = octets.get_mut(start..) else {
        return false;
    };
    if offset.checked_add(2).is_none_or(|end| end > covered.len()) {
        return false;
    }
    let sum = stored_sum(Checksum::new().add_bytes(covered), offset);
    covered[offset..offset + 2].copy_from_slice(&sum.to_be_bytes());
    true
}

/// Where the checksum is in a UDP header (RFC 768).
pub(crate) const UDP_CHECKSUM: usize = 6;

/// What to store of a sum in the field `offset` octets into a transport header.
///
/// Zero would say "no checksum" in UDP (RFC 768): there its other form is stored. Elsewhere it stays, as RFC 9293 §3.1
/// computes it; receivers accept both, but tools that look on find the other form wrong.
pub(crate) fn stored_sum(sum: Checksum, offset: usize) -> u16 {
    match sum.finish() {
        0 if offset == UDP_CHECKSUM => 0xffff,
        sum => sum,
    }
}

#[cfg(test)]
mod tests {
    use super::{UDP_CHECKSUM, complete_checksum};
    use waypost_wire::Checksum;

    #[test]
    fn a_finished_checksum_verifies() {
        let mut octets = [0x11; 61];
        let pseudo = Checksum::new().add_u16(0x1234).add_u16(0xabcd);
        octets[20 + 6..20 + 8].copy_from_slice(&pseudo.folded().to_be_bytes());
        assert!(complete_checksum(&mut octets, 20, 6));
        assert!(
            pseudo
                .combine(Checksum::new().add_bytes(&octets[20..]))
                .is_valid()
        );
    }

    #[test]
    fn a_sum_of_zero_has_its_other_form_in_udp_alone() {
        for (offset, stored) in [(UDP_CHECKSUM, [0xff, 0xff]), (16, [0, 0])] {
            let mut octets = [0; 20];
            octets[0] = 0xff;
            octets[1] = 0xff;
            assert!(complete_checksum(&mut octets, 0, offset));
            assert_eq!(octets[offset..offset + 2], stored);
        }
    }

    #[test]
    fn a_field_outside_is_refused() {
        let mut octets = [7; 20];
        for (start, offset) in [(21, 0), (20, 0), (10, 9), (0, usize::MAX)] {
            assert!(!complete_checksum(&mut octets, start, offset));
        }
        assert_eq!(octets, [7; 20]);
    }
}
