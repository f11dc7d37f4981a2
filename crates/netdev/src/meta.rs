//! What a frame's octets do not say.

use waypost_wire::WallTime;

/// What travels beside a frame's octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameMeta {
    /// The state of the transport checksum.
    pub checksum: ChecksumState,
    /// A hash of the flow, 0 where the device computed none.
    pub flow_hash: u32,
    /// Set on a super-segment that must be split before it crosses a link of its path MTU.
    pub segmentation: Option<Segmentation>,
    /// When the frame was received.
    pub timestamp: Option<WallTime>,
    /// An outer VLAN tag that is not in the octets.
    pub vlan: Option<VlanTag>,
}

/// The state of the transport checksum of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChecksumState {
    /// It is in the octets; nobody has verified it.
    #[default]
    Unverified,
    /// The octets hold the pseudo-header's sum; the checksum is to be computed over the octets from
    /// `start` to the end, and stored `offset` octets after `start`.
    Partial {
        /// Where the checksummed octets begin, counted from the start of the frame.
        start: u16,
        /// Where the checksum field lies, counted from `start`.
        offset: u16,
    },
    /// A device has verified it, or the frame never left this machine.
    Verified,
}

/// How a super-segment is to be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segmentation {
    /// Payload octets of each segment.
    pub size: u16,
    /// The protocol that is split.
    pub kind: SegmentationKind,
}

/// The protocol of a super-segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SegmentationKind {
    /// TCP over IPv4; `ecn` if CWR stands on the first segment alone (RFC 3168 §6.1.2).
    Tcp4 {
        /// Whether CWR is to be cleared after the first segment.
        ecn: bool,
    },
    /// TCP over IPv6; `ecn` as above.
    Tcp6 {
        /// Whether CWR is to be cleared after the first segment.
        ecn: bool,
    },
    /// UDP datagrams of equal size, the last perhaps shorter.
    Udp,
}

/// An IEEE 802.1Q tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanTag {
    /// The tag protocol identifier, 0x8100 or 0x88a8.
    pub tpid: u16,
    /// Priority, drop eligibility and VLAN identifier.
    pub tci: u16,
}
