//! How a NAT behaves, in the terms of RFC 4787.

use core::fmt;

/// Ports below are for well-known services (RFC 4787 §4.2.1).
const WELL_KNOWN: u16 = 1024;

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

/// Ports, or identifiers of ICMP queries, that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest, which is one of them.
    pub last: u16,
}

impl PortRange {
    /// From one to another, both included.
    pub const fn new(first: u16, last: u16) -> Self {
        Self { first, last }
    }

    const fn is_empty(self) -> bool {
        self.first > self.last
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
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
    /// The ports that flows get, at every external address: all by default, as RFC 6056 §3.2 advises. Of a range with
    /// ports on both sides of 1024 a flow gets those of the side that `keep_range` says; of another, whichever there are.
    /// Ports of static mappings and of services may lie outside.
    pub ports: PortRange,
    /// The identifiers that ICMP queries get, to which `ports` and `keep_parity` do not apply: all by default. Tables that
    /// share an external address need other identifiers as they need other ports.
    pub identifiers: PortRange,
    /// Whether the internal port is taken where it is free (RFC 6056 §4).
    pub preserve_port: bool,
    /// Whether flows with different peers share external ports ("port overloading"). Only where the mapping
    /// is [`Mapping::AddressAndPortDependent`]; nothing is let in then that belongs to no flow. RFC 4787
    /// §4.2.1 (REQ-3) and RFC 5382 §7.1 (REQ-7) forbid it; it is for those who have too few addresses.
    pub overload: bool,
    /// The zone of the packets outside.
    pub external_zone: u16,
    /// Most static mappings. Room for all of them is taken beside that for the mappings of flows; in storage of fixed length
    /// without that room they take the flows'.
    pub statics: usize,
    /// A secret that decides which port comes next. From a source of entropy.
    pub seed: u64,
}

impl NatConfig {
    /// Whether a port may be that of several flows that do not know of each other.
    pub(super) fn shares_ports(&self) -> bool {
        self.overload && self.mapping == Mapping::AddressAndPortDependent
    }

    /// The ports for flows of an internal port, their parity apart. What is left of the range depends on the
    /// configuration alone, so that it is the same whoever else is there (RFC 4787 §8, REQ-11).
    pub(super) fn ports_for(&self, internal: u16) -> PortRange {
        let PortRange { first, last } = self.ports;
        let side = if self.keep_range && internal < WELL_KNOWN {
            PortRange::new(first, last.min(WELL_KNOWN - 1))
        } else {
            PortRange::new(first.max(WELL_KNOWN), last)
        };
        if side.is_empty() { self.ports } else { side }
    }

    /// Says what a table cannot do.
    pub(super) fn check(&self) -> Result<(), NatConfigError> {
        for range in [self.ports, self.identifiers] {
            if range.is_empty() {
                return Err(NatConfigError::EmptyRange(range));
            }
        }
        if self.ports.first == 0 {
            return Err(NatConfigError::PortZero(self.ports));
        }
        // Two ports that follow each other are one of each parity.
        for part in [0, WELL_KNOWN].map(|internal| self.ports_for(internal)) {
            if self.keep_parity && part.first == part.last {
                return Err(NatConfigError::OneParity(part));
            }
        }
        Ok(())
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
            ports: PortRange::new(1, u16::MAX),
            identifiers: PortRange::new(0, u16::MAX),
            preserve_port: false,
            overload: false,
            external_zone: 0,
            statics: 256,
            seed: 0,
        }
    }
}

/// Why no table can behave as a configuration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NatConfigError {
    /// A range of ports or identifiers ends before it begins.
    EmptyRange(PortRange),
    /// Port 0, which is none, is in the range.
    PortZero(PortRange),
    /// Parity is to be kept, but the part of the range that some flows have to take a port from is a single port.
    OneParity(PortRange),
}

impl fmt::Display for NatConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyRange(range) => write!(
                f,
                "expected a range that begins before it ends, found {range}"
            ),
            Self::PortZero(range) => write!(f, "expected ports from 1 on, found {range}"),
            Self::OneParity(range) => write!(
                f,
                "expected an even and an odd port to keep the parity with, found {range} alone for \
                 some flows"
            ),
        }
    }
}

impl core::error::Error for NatConfigError {}
