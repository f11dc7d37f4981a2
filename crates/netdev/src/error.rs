//! What can go wrong with a device in use.

use core::fmt;

/// A device in use failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceError {
    /// The interface is administratively down, or lost its carrier; it may come back.
    Down,
    /// The operating system refused, with this error number.
    Os(i32),
    /// The device no longer exists.
    Removed,
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => write!(f, "the device is down: set it up, or connect its cable"),
            Self::Os(number) => write!(
                f,
                "the operating system failed a device call with error {number}"
            ),
            Self::Removed => write!(f, "the device was removed"),
        }
    }
}

impl core::error::Error for DeviceError {}
