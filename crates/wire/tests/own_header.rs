//! Other crates declare their headers without `unsafe`, even where it is forbidden.
#![forbid(unsafe_code)]

use waypost_wire::{EtherType, U16, header};

header! {
    /// GRE without options (RFC 2784 §2).
    struct GreHeader {
        flags_version: U16;
        /// What the tunnel carries.
        protocol: U16 => EtherType, set_protocol;
    }
}

#[test]
fn a_header_of_another_crate() {
    let (gre, rest) = GreHeader::split_from(&[0, 0, 0x08, 0x00, 0x45]).unwrap();
    assert_eq!(
        (gre.flags_version.get(), gre.protocol(), rest),
        (0, EtherType::IPV4, &[0x45][..])
    );
    let mut bytes = [0; 4];
    GreHeader::split_from_mut(&mut bytes)
        .unwrap()
        .0
        .set_protocol(EtherType::IPV6);
    assert_eq!(bytes, [0, 0, 0x86, 0xdd]);
}
