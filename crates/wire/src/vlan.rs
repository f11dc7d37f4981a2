//! VLAN tags, alone and stacked (IEEE 802.1Q §9; stacking, "QinQ", came with 802.1ad).

use core::fmt;

use crate::ethernet::EtherType;
use crate::integers::U16;
use crate::view::{Truncated, header};

/// The number of a VLAN, from 1 to 4094 (IEEE 802.1Q table 9-2): 0 means "no VLAN, only a
/// priority", 4095 is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanId(u16);

impl VlanId {
    /// The VLAN in which a bridge port is by default (IEEE 802.1Q table 9-2).
    pub const DEFAULT: Self = Self(1);
    /// The last VLAN.
    pub const MAX: Self = Self(4094);

    /// The VLAN with this number.
    ///
    /// # Errors
    /// [`InvalidVlanId`] if it is not from 1 to 4094.
    #[inline]
    pub const fn new(id: u16) -> Result<Self, InvalidVlanId> {
        match id {
            1..=4094 => Ok(Self(id)),
            found => Err(InvalidVlanId { found }),
        }
    }

    /// The number.
    #[inline]
    pub const fn value(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for VlanId {
    type Error = InvalidVlanId;
    #[inline]
    fn try_from(id: u16) -> Result<Self, InvalidVlanId> {
        Self::new(id)
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The number is no VLAN's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidVlanId {
    /// The number.
    pub found: u16,
}

impl fmt::Display for InvalidVlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected a VLAN identifier from 1 to 4094, found {}",
            self.found
        )
    }
}

impl core::error::Error for InvalidVlanId {}

header! {
    /// A tag: what follows an EtherType of 0x8100 or 0x88a8.
    pub struct VlanTag {
        /// Priority, drop eligibility and identifier in one number, as cards report it out of band.
        control: U16 => u16, set_control;
        /// What follows the tag.
        ethertype: U16 => EtherType, set_ethertype;
    }
}

impl VlanTag {
    /// A tag of priority 0 for this VLAN.
    #[inline]
    pub const fn new(vlan: VlanId, ethertype: EtherType) -> Self {
        Self {
            control: U16::new(vlan.0),
            ethertype: U16::new(ethertype.0),
        }
    }

    /// A tag without a VLAN, for the sake of its priority (0 to 7; higher bits are ignored).
    #[inline]
    pub const fn priority_tag(priority: u8, ethertype: EtherType) -> Self {
        Self {
            control: U16::new((priority as u16) << 13),
            ethertype: U16::new(ethertype.0),
        }
    }

    /// The VLAN, or `None` in a mere priority tag and for the reserved number.
    #[inline]
    pub const fn vlan_id(&self) -> Option<VlanId> {
        match VlanId::new(self.control.get() & 0x0fff) {
            Ok(vlan) => Some(vlan),
            Err(_) => None,
        }
    }

    /// Sets the VLAN; `None` makes it a mere priority tag.
    #[inline]
    pub fn set_vlan_id(&mut self, vlan: Option<VlanId>) {
        self.set_control(self.control() & 0xf000 | vlan.map_or(0, VlanId::value));
    }

    /// The priority code point, from 0 to 7 (IEEE 802.1Q §9.6).
    #[inline]
    pub const fn priority(&self) -> u8 {
        (self.control.get() >> 13) as u8
    }

    /// Sets the priority code point; bits above the lower three are ignored.
    #[inline]
    pub fn set_priority(&mut self, priority: u8) {
        self.set_control(self.control() & 0x1fff | u16::from(priority) << 13);
    }

    /// Whether the frame may go first when something must be dropped (IEEE 802.1Q §9.6).
    #[inline]
    pub const fn is_drop_eligible(&self) -> bool {
        self.control.get() & 0x1000 != 0
    }

    /// Sets whether the frame may go first when something must be dropped.
    #[inline]
    pub fn set_drop_eligible(&mut self, eligible: bool) {
        self.set_control(self.control() & 0xefff | u16::from(eligible) << 12);
    }
}

/// `vlan 42, p 5, DEI, IPv4`
impl fmt::Display for VlanTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "vlan {}, p {}, ",
            self.control() & 0x0fff,
            self.priority()
        )?;
        if self.is_drop_eligible() {
            f.write_str("DEI, ")?;
        }
        self.ethertype().fmt(f)
    }
}

/// The tags of a frame from the outside in.
///
/// After the last one, [`ethertype`](Self::ethertype) and [`payload`](Self::payload) tell what they
/// were wrapped around. The number of tags is bounded by the length of the frame alone.
///
/// ```
/// use waypost_wire::vlan::VlanTags;
/// use waypost_wire::EtherType;
///
/// let bytes = [0x00, 0x64, 0x81, 0x00, 0x00, 0x0a, 0x08, 0x00, 0x45];
/// let mut tags = VlanTags::new(EtherType::SERVICE_VLAN, &bytes);
/// let ids: Vec<_> = tags.by_ref().map(|tag| tag.unwrap().control()).collect();
/// assert_eq!((ids, tags.ethertype(), tags.payload()), (vec![100, 10], EtherType::IPV4, &[0x45][..]));
/// ```
#[derive(Clone, Debug)]
pub struct VlanTags<'a> {
    ethertype: EtherType,
    payload: &'a [u8],
}

impl<'a> VlanTags<'a> {
    /// The tags of a frame with this type and payload; none if the type is not that of a tag.
    #[inline]
    pub const fn new(ethertype: EtherType, payload: &'a [u8]) -> Self {
        Self { ethertype, payload }
    }

    /// The type of what follows the tags seen so far.
    #[inline]
    pub const fn ethertype(&self) -> EtherType {
        self.ethertype
    }

    /// What follows the tags seen so far.
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

impl<'a> Iterator for VlanTags<'a> {
    type Item = Result<&'a VlanTag, Truncated>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if !self.ethertype.is_vlan() {
            return None;
        }
        match VlanTag::split_from(self.payload) {
            Ok((tag, rest)) => {
                (self.ethertype, self.payload) = (tag.ethertype(), rest);
                Some(Ok(tag))
            }
            Err(error) => {
                // Nothing can follow; type 0 is no tag's and ends the walk.
                (self.ethertype, self.payload) = (EtherType(0), &[]);
                Some(Err(error))
            }
        }
    }
}

impl core::iter::FusedIterator for VlanTags<'_> {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn identifiers_keep_their_range() {
        assert_eq!(VlanId::new(0), Err(InvalidVlanId { found: 0 }));
        assert_eq!(VlanId::new(1), Ok(VlanId::DEFAULT));
        assert_eq!(VlanId::new(4094), Ok(VlanId::MAX));
        assert!(VlanId::new(4095).is_err() && VlanId::new(u16::MAX).is_err());
    }

    #[test]
    fn fields_share_their_word_without_touching_each_other() {
        let mut tag = VlanTag::new(VlanId::new(42).unwrap(), EtherType::IPV4);
        tag.set_priority(5);
        tag.set_drop_eligible(true);
        assert_eq!(*tag.as_bytes(), [0xb0, 0x2a, 0x08, 0x00]);
        assert_eq!(tag.to_string(), "vlan 42, p 5, DEI, IPv4");
        tag.set_vlan_id(None);
        assert_eq!(
            (tag.vlan_id(), tag.priority(), tag.is_drop_eligible()),
            (None, 5, true)
        );
        assert_eq!(VlanTag::priority_tag(7, EtherType::ARP).control(), 0xe000);
    }

    #[test]
    fn a_stack_is_walked_to_its_end() {
        let bytes = [0x00, 0x64, 0x81, 0x00, 0x00, 0x0a, 0x86, 0xdd, 0x60];
        let mut tags = VlanTags::new(EtherType::SERVICE_VLAN, &bytes);
        assert_eq!(
            tags.next().unwrap().unwrap().vlan_id(),
            VlanId::new(100).ok()
        );
        assert_eq!(
            tags.next().unwrap().unwrap().vlan_id(),
            VlanId::new(10).ok()
        );
        assert_eq!(tags.next(), None);
        assert_eq!(
            (tags.ethertype(), tags.payload()),
            (EtherType::IPV6, &[0x60][..])
        );
    }

    #[test]
    fn a_cut_tag_is_told_once() {
        let mut tags = VlanTags::new(EtherType::VLAN, &[0, 1, 0x08]);
        assert_eq!(
            tags.next(),
            Some(Err(Truncated {
                needed: 4,
                found: 3
            }))
        );
        assert_eq!(tags.next(), None);
        assert_eq!(VlanTags::new(EtherType::IPV4, &[0; 8]).next(), None);
    }
}
