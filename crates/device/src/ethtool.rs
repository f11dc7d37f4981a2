//! What is asked and told of an interface's driver by ethtool's requests (linux/ethtool.h).

use std::os::fd::{AsFd, BorrowedFd};

use crate::{CallSubject, Namespace, OpenError, sys};

const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GTXCSUM: u32 = 0x16;
const ETHTOOL_STXCSUM: u32 = 0x17;
const ETHTOOL_GTSO: u32 = 0x1e;
const ETHTOOL_STSO: u32 = 0x1f;

/// What makes an interface leave frames unfinished: how it is asked for, how it is set.
const OFFLOADS: [(u32, u32); 2] = [
    (ETHTOOL_GTSO, ETHTOOL_STSO),
    (ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM),
];

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    value: u32,
}

/// The beginning of `struct ethtool_drvinfo`, and the rest of it.
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    rest: [u8; 160],
}

/// The name of an interface's driver; `None` if it does not say.
pub(crate) fn driver(socket: BorrowedFd<'_>, name: &str) -> Option<String> {
    let mut info = DriverInfo {
        command: ETHTOOL_GDRVINFO,
        driver: [0; 32],
        rest: [0; 160],
    };
    // SAFETY: the request writes a `struct ethtool_drvinfo`, of that size.
    unsafe { sys::ethtool(socket, name, &mut info) }.ok()?;
    let len = info.driver.iter().position(|&octet| octet == 0)?;
    let _ = info.rest;
    String::from_utf8(info.driver[..len].to_vec()).ok()
}

/// An interface that was told to finish its frames; told what it was told before when this is dropped.
#[derive(Debug)]
pub(crate) struct Quieted {
    namespace: Namespace,
    name: String,
    /// The requests that put back what was there.
    before: Vec<u32>,
}

/// Tells an interface to compute checksums, and to split super-segments, before frames leave it.
pub(crate) fn quiet(namespace: &Namespace, name: &str) -> Result<Quieted, OpenError> {
    let mut quieted = Quieted {
        namespace: namespace.clone(),
        name: name.to_owned(),
        before: Vec::new(),
    };
    namespace.run(|| {
        let failed = |source| {
            OpenError::call(
                name,
                CallSubject::Interface,
                "switching off its offloads",
                source,
            )
        };
        let control = control().map_err(failed)?;
        sys::interface(control.as_fd(), name)?;
        for (get, set) in OFFLOADS {
            let mut value = Value {
                command: get,
                value: 0,
            };
            // SAFETY: both requests read and write a `struct ethtool_value`.
            unsafe { sys::ethtool(control.as_fd(), name, &mut value) }.map_err(failed)?;
            if value.value != 0 {
                tell(control.as_fd(), name, set, 0).map_err(failed)?;
                quieted.before.insert(0, set);
            }
        }
        Ok(())
    })?;
    Ok(quieted)
}

fn control() -> std::io::Result<std::os::fd::OwnedFd> {
    sys::socket(libc::AF_INET, libc::SOCK_DGRAM, 0)
}

fn tell(socket: BorrowedFd<'_>, name: &str, command: u32, value: u32) -> std::io::Result<()> {
    // SAFETY: the request reads a `struct ethtool_value`.
    unsafe { sys::ethtool(socket, name, &mut Value { command, value }) }
}

impl Drop for Quieted {
    fn drop(&mut self) {
        let (name, before) = (&self.name, &self.before);
        // An interface that is gone needs nothing any more.
        let _ = self.namespace.run(|| {
            if let Ok(control) = control() {
                for &set in before {
                    let _ = tell(control.as_fd(), name, set, 1);
                }
            }
            Ok(())
        });
    }
}
