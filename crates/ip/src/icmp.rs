//! ICMP: which error for which packet, when none may be sent, what it quotes, how many are sent; what an error
//! that came says about which flow; answers to echo requests (RFC 792, 1122, 1812; RFC 4443).
//!
//! - [`Problem`] names what is wrong, and the message of either version that says so.
//! - [`write_error`] writes an error of IPv4, [`v6::write_error`] one of IPv6. [`ErrorSender`] does it under the
//!   limits of an [`ErrorLimiter`], and counts.
//! - [`ErrorReport`] reads an error back to the flow that it is about.

pub mod v6;

mod extension;
mod limit;
mod problem;
mod report;
mod sender;
mod v4;

use core::fmt;

pub use extension::{ExtensionObject, ExtensionObjects, Quoted};
pub use limit::{ErrorLimiter, LimitConfig, PrefixBucket};
pub use problem::Problem;
pub use report::{ErrorKind, ErrorReport, Flow, Severity, Transport};
pub use sender::ErrorSender;
pub use v4::{MAX_ERROR_LEN, Origin, may_send, reply_to_echo, write_error};

/// Why no error is sent (RFC 1122 §3.2.2, RFC 1812 §4.3.2.7 and §4.3.2.8, RFC 4443 §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotSent {
    /// The packet is an ICMP error itself, a redirect, or ICMP of which too little is there to tell.
    AboutError,
    /// The packet is a fragment other than the first.
    LaterFragment,
    /// The packet's destination is not one host's.
    Destination,
    /// The packet came to all or to a group of stations of its link.
    LinkBroadcast,
    /// The packet's source is not one host's, or not one that can be answered.
    Source,
    /// The limit of all errors is reached.
    RateLimit,
    /// The limit of errors to the source's prefix is reached.
    PrefixLimit,
    /// The buffer is too short for the least that an error must quote.
    NoRoom,
}

impl NotSent {
    /// How many reasons there are.
    pub(super) const COUNT: usize = 8;

    /// The name of the reason's counter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AboutError => "about-error",
            Self::LaterFragment => "later-fragment",
            Self::Destination => "destination",
            Self::LinkBroadcast => "link-broadcast",
            Self::Source => "source",
            Self::RateLimit => "rate-limit",
            Self::PrefixLimit => "prefix-limit",
            Self::NoRoom => "no-room",
        }
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AboutError => "no error is sent about an ICMP error",
            Self::LaterFragment => "no error is sent about a fragment but the first",
            Self::Destination => "no error is sent about a packet to more than one host",
            Self::LinkBroadcast => "no error is sent about a packet that the link brought to many",
            Self::Source => "no error can be sent to a source that is not one host",
            Self::RateLimit => "the limit of errors is reached",
            Self::PrefixLimit => "the limit of errors to one prefix is reached",
            Self::NoRoom => "the buffer is too short for the error",
        })
    }
}

impl core::error::Error for NotSent {}

/// Why a packet is not answered by an echo reply; it has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAnswered {
    /// It is no echo request.
    NotEcho,
    /// It is a fragment: the request must be put together first.
    Fragment,
    /// It is to or from more than one host (RFC 1122 §3.2.2.6 lets such a request go unanswered).
    Address,
    /// It has a source route, which the reply would have to take back, or nodes still to visit, or options that
    /// cannot be read.
    SourceRoute,
}

impl fmt::Display for NotAnswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotEcho => "expected an ICMP echo request, found another packet",
            Self::Fragment => "expected a whole echo request, found a fragment",
            Self::Address => "expected an echo request from one host to one, found another address",
            Self::SourceRoute => "expected an echo request without a source route, found one",
        })
    }
}

impl core::error::Error for NotAnswered {}
