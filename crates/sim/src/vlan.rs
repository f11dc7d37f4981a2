//! VLAN tags of Ethernet frames, which do not count as part of the packet.

/// Octets of the tags that a frame may have beyond its MTU (IEEE 802.1ad: two).
pub(crate) const TAGS_MAX: usize = 8;

/// Octets of the VLAN tags that an Ethernet frame begins with, at most [`TAGS_MAX`].
pub(crate) fn tags_len(frame: &[u8]) -> usize {
    let is_tag = |at: &usize| {
        let kind = frame.get(12 + at..14 + at);
        matches!(kind, Some([0x81, 0x00] | [0x88, 0xa8]))
    };
    (0..TAGS_MAX).step_by(4).take_while(is_tag).count() * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tags_are_counted_and_no_more() {
        let mut frame = vec![0; 12];
        frame.extend([0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 8, 0]);
        let counts = [13, 14, 17, 18, 26].map(|len| tags_len(&frame[..len]));
        assert_eq!(counts, [0, 4, 4, 8, 8]);
        frame[16..18].fill(8);
        assert_eq!(tags_len(&frame), 4);
        frame[13] = 0;
        assert_eq!(tags_len(&frame), 0);
    }
}
