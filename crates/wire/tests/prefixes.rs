//! Prefixes against plain arithmetic on numbers, and sequence numbers against wide ones.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_wire::{Ip, Ipv4Prefix, Ipv6Prefix, Prefix, SeqNumber};

fn mask4(length: u8) -> u32 {
    if length == 0 {
        0
    } else {
        u32::MAX << (32 - length)
    }
}

fn mask6(length: u8) -> u128 {
    if length == 0 {
        0
    } else {
        u128::MAX << (128 - length)
    }
}

/// Prefixes near each other, since random ones hardly ever overlap.
fn near() -> impl Strategy<Value = Ipv4Prefix> {
    (
        prop::sample::select(vec![0_u32, 0x0a00_0000, 0x0a80_0000, u32::MAX]),
        0..16_u32,
        0..=32_u8,
    )
        .prop_map(|(base, low, length)| {
            Prefix::new_truncated(Ipv4Addr::from_bits(base ^ low << 20 ^ low), length).unwrap()
        })
}

proptest! {
    #[test]
    fn ipv4_against_masks(bits: u32, other: u32, length in 0..=32_u8) {
        let (mask, address) = (mask4(length), Ipv4Addr::from_bits(bits));
        let prefix = Prefix::new_truncated(address, length).unwrap();
        prop_assert_eq!(prefix.network().to_bits(), bits & mask);
        prop_assert_eq!(prefix.last().to_bits(), bits | !mask);
        prop_assert_eq!(prefix.mask().to_bits(), mask);
        prop_assert_eq!(prefix.contains(Ipv4Addr::from_bits(other)), other & mask == bits & mask);
        prop_assert!(prefix.contains(address) && prefix.contains(prefix.network()) && prefix.contains(prefix.last()));
        prop_assert_eq!(Prefix::new(address, length).is_ok(), bits & !mask == 0);
        for index in 0..=255 {
            let expected = index < 32 && bits.rotate_left(u32::from(index) + 1) & 1 == 1;
            prop_assert_eq!(Ip::bit(address, index), expected);
        }
    }

    #[test]
    fn ipv6_against_masks(bits: u128, other: u128, length in 0..=128_u8) {
        let (mask, address) = (mask6(length), Ipv6Addr::from_bits(bits));
        let prefix = Prefix::new_truncated(address, length).unwrap();
        prop_assert_eq!(prefix.network().to_bits(), bits & mask);
        prop_assert_eq!(prefix.last().to_bits(), bits | !mask);
        prop_assert_eq!(prefix.contains(Ipv6Addr::from_bits(other)), other & mask == bits & mask);
        prop_assert_eq!(Prefix::new(address, length).is_ok(), bits & !mask == 0);
        prop_assert!(Ipv6Prefix::DEFAULT.covers(&prefix) && prefix.covers(&Prefix::host(address)));
    }

    #[test]
    fn relations_are_those_of_ranges(a in near(), b in near()) {
        let range = |prefix: &Ipv4Prefix| prefix.network()..=prefix.last();
        let (ra, rb) = (range(&a), range(&b));
        let covers = ra.contains(rb.start()) && ra.contains(rb.end());
        let covered = rb.contains(ra.start()) && rb.contains(ra.end());
        prop_assert_eq!(a.covers(&b), covers);
        prop_assert_eq!(a.overlaps(&b), covers || covered);
        prop_assert_eq!(a.overlaps(&b), ra.start() <= rb.end() && rb.start() <= ra.end());
        let common = a.common(&b);
        prop_assert!(common.covers(&a) && common.covers(&b));
        if let Some(halves) = common.halves() {
            prop_assert!(halves.iter().all(|half| !(half.covers(&a) && half.covers(&b))));
        }
        if a.covers(&b) {
            prop_assert!(a <= b);
        }
    }

    #[test]
    fn halves_make_up_their_parent(prefix in near()) {
        if let Some([lower, upper]) = prefix.halves() {
            prop_assert_eq!((lower.network(), upper.last()), (prefix.network(), prefix.last()));
            prop_assert_eq!(lower.last().to_bits() + 1, upper.network().to_bits());
            prop_assert_eq!((lower.parent(), upper.parent()), (Some(prefix), Some(prefix)));
        } else {
            prop_assert!(prefix.is_host());
        }
    }

    #[test]
    fn sequence_numbers_against_wide_ones(start in (1_u64 << 40)..(1 << 41), step in -0x7fff_ffff_i64..0x7fff_ffff) {
        let end = start.wrapping_add_signed(step);
        let (a, b) = (SeqNumber::new(start as u32), SeqNumber::new(end as u32));
        prop_assert_eq!(a.is_before(b), start < end);
        prop_assert_eq!(a.is_at_or_before(b), start <= end);
        prop_assert_eq!(a.is_after(b), start > end);
        prop_assert_eq!(a.is_at_or_after(b), start >= end);
        prop_assert_eq!(i64::from(b.offset_from(a)), step);
        prop_assert_eq!(a.later(b), SeqNumber::new(start.max(end) as u32));
        prop_assert_eq!(a.earlier(b), SeqNumber::new(start.min(end) as u32));
        prop_assert_eq!(a + b.since(a), b);
        prop_assert_eq!(b - b.since(a), a);
    }
}
