//! How a NAT behaves, in the terms of RFC 4787.

/// Which flows of an internal address and port share an external one (RFC 4787 §4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mapping {
    /// All of them, whomever they are with: so ask RFC 4787 §4.1 (REQ-1), RFC 5382 §4.1 (REQ-1) and, for
    /// queries, RFC 5508 §3.1 (REQ-1a).
    #[default]
    EndpointIndependent,
    /// None: each has its own.
    AddressAndPortDependent,
}

/// Whose packets come in to an external address and port that is in use (RFC 4787 §5, REQ-8; RFC 5382 §4.3,
/// REQ-3), beside those of known flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Filtering {
    /// Everybody's: where transparency matters most.
    EndpointIndependent,
    /// Those of hosts to which the internal one sent: where strictness matters more.
    #[default]
    AddressDependent,
    /// Nobody's.
    AddressAndPortDependent,
}

/// Which external address stands for an internal one (RFC 4787 §4.1, REQ-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// The same as long as it has mappings.
    #[default]
    Paired,
    /// The same as long as that has ports free, then any that has.
    Arbitrary,
}

/// How a NAT behaves. The defaults are what the RFCs ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatConfig {
    /// Which flows share external ports.
    pub mapping: Mapping,
    /// Whose packets come in.
    pub filtering: Filtering,
    /// How external addresses are chosen.
    pub pooling: Pooling,
    /// Whether an even port stands for an even one, an odd one for an odd one (RFC 4787 §4.2.2, REQ-4): RTP
    /// without rtcp-attributes needs it. Kept without exception, since what depends on who else is there is
    /// not deterministic (RFC 4787 §8, REQ-11).
    pub keep_parity: bool,
    /// Whether ports below 1024 stand for such (RFC 4787 §4.2.1, REQ-3a); else they get others.
    pub keep_range: bool,
    /// Whether the internal port is taken where it is free (RFC 6056 §4).
    pub preserve_port: bool,
    /// Whether flows with different peers share external ports ("port overloading"). Only where the mapping
    /// is [`Mapping::AddressAndPortDependent`]; nothing is let in then that belongs to no flow. RFC 4787
    /// §4.2.1 (REQ-3) and RFC 5382 §7.1 (REQ-7) forbid it; it is for those who have too few addresses.
    pub overload: bool,
    /// The zone of the packets outside.
    pub external_zone: u16,
    /// A secret that decides which port comes next. From a source of entropy.
    pub seed: u64,
}

impl NatConfig {
    /// Whether a port may be that of several flows that do not know of each other.
    pub(super) fn shares_ports(&self) -> bool {
        self.overload && self.mapping == Mapping::AddressAndPortDependent
    }
}

impl Default for NatConfig {
    fn default() -> Self {
        Self {
            mapping: Mapping::EndpointIndependent,
            filtering: Filtering::AddressDependent,
            pooling: Pooling::Paired,
            keep_parity: true,
            keep_range: true,
            preserve_port: false,
            overload: false,
            external_zone: 0,
            seed: 0,
        }
    }
}
