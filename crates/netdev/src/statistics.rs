//! What a device has counted.

/// What a device has counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceStatistics {
    /// Frames received.
    pub received: u64,
    /// Octets received.
    pub received_octets: u64,
    /// Frames that the kernel had no room for: they were lost before this process could see them.
    pub overruns: u64,
    /// Received frames that were cut to the room that a ring has.
    pub truncated: u64,
    /// Frames sent.
    pub sent: u64,
    /// Octets sent.
    pub sent_octets: u64,
    /// Frames that the kernel refused to send for what they are, and that were lost.
    pub refused: u64,
}
