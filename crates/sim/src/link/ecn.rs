//! Marks of congestion (RFC 3168).

use waypost_wire::{EtherType, Ipv4Header, Ipv6Header};

use super::Framing;

/// Marks an IP packet as having met congestion, and says whether it is one whose sender understands that.
pub(super) fn mark(framing: Framing, frame: &mut [u8]) -> bool {
    let header_len = framing.header_len();
    if framing == Framing::Ethernet {
        let carries = frame
            .get(12..14)
            .map(|it| u16::from_be_bytes([it[0], it[1]]));
        if !carries.is_some_and(|it| [EtherType::IPV4.0, EtherType::IPV6.0].contains(&it)) {
            return false;
        }
    }
    let Some(packet) = frame.get_mut(header_len..) else {
        return false;
    };
    match packet.first().map(|octet| octet >> 4) {
        Some(4) => {
            Ipv4Header::split_from_mut(packet).is_ok_and(|(header, _)| header.mark_congestion())
        }
        Some(6) => {
            Ipv6Header::split_from_mut(packet).is_ok_and(|(header, _)| header.mark_congestion())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waypost_wire::{Checksum, Ecn};

    #[test]
    fn packets_of_capable_senders_are_marked_and_stay_whole() {
        let mut packet = [0; 20];
        packet[0] = 0x45;
        let (header, _) = Ipv4Header::split_from_mut(&mut packet).unwrap();
        header.set_ecn(Ecn::Ect0);
        let sum = Checksum::new().add_bytes(&packet).finish();
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        assert!(mark(Framing::Ip, &mut packet));
        let (header, _) = Ipv4Header::split_from(&packet).unwrap();
        assert_eq!(
            (header.ecn(), Checksum::new().add_bytes(&packet).finish()),
            (Ecn::Ce, 0)
        );
        let mut frame = [0; 54];
        (frame[12], frame[13], frame[14]) = (0x86, 0xdd, 0x60);
        assert!(!mark(Framing::Ethernet, &mut frame));
        frame[15] = 0x10;
        assert!(mark(Framing::Ethernet, &mut frame));
        assert_eq!(frame[15], 0x30);
    }

    #[test]
    fn nothing_else_is_touched() {
        for frame in [
            &mut [][..],
            &mut [0x45; 19],
            &mut [0x60; 13],
            &mut [0xff; 60],
        ] {
            let before = frame.to_vec();
            assert!(!mark(Framing::Ethernet, frame) && !mark(Framing::Ip, frame));
            assert_eq!(before, frame);
        }
    }
}
