//! What a device is and what it can complete.

use waypost_wire::MacAddr;

use crate::SegmentationKind;

/// What a device is and what it can complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What a frame begins with.
    pub medium: Medium,
    /// The longest packet above the link header, in octets.
    pub mtu: usize,
    /// What the device completes for the sender.
    pub offloads: Offloads,
}

/// What a frame begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Medium {
    /// An Ethernet header; the device's own address.
    Ethernet(MacAddr),
    /// An IP header.
    Ip,
}

impl Medium {
    /// Octets of the link header, VLAN tags not counted.
    pub const fn header_len(self) -> usize {
        match self {
            Self::Ethernet(_) => 14,
            Self::Ip => 0,
        }
    }
}

/// What a device completes of frames that are handed to it unfinished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// It takes [`ChecksumState::Partial`](crate::ChecksumState::Partial).
    pub checksum: bool,
    /// It takes super-segments of TCP over IPv4 and IPv6.
    pub tcp_segmentation: bool,
    /// It takes super-segments of UDP.
    pub udp_segmentation: bool,
    /// It takes a VLAN tag beside the octets.
    pub vlan_insertion: bool,
}

impl Offloads {
    /// Whether the device splits super-segments of this kind.
    pub const fn splits(self, kind: SegmentationKind) -> bool {
        match kind {
            SegmentationKind::Tcp4 { .. } | SegmentationKind::Tcp6 { .. } => self.tcp_segmentation,
            SegmentationKind::Udp => self.udp_segmentation,
        }
    }
}
