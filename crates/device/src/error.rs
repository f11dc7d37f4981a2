//! Why a device could not be opened.

use std::fmt;
use std::io;

/// A device could not be opened: which call failed, and what would be needed.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no interface of this name.
    NoInterface {
        /// The name.
        name: String,
        /// The interfaces that there are.
        known: Vec<String>,
    },
    /// The name is empty, longer than 15 octets, or has a character that no interface name has.
    BadName(String),
    /// There is no network namespace of this name.
    NoNamespace {
        /// The name or path.
        name: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused a call.
    Call {
        /// The device.
        device: String,
        /// What the call was about.
        about: CallSubject,
        /// What was being done.
        call: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// The interface has no such queue.
    NoQueue {
        /// The device.
        device: String,
        /// The queue's number, from 0.
        queue: u32,
    },
    /// The interface's frames do not fit the device's buffers.
    FramesTooLong {
        /// The device.
        device: String,
        /// Its MTU, in octets.
        mtu: usize,
        /// The longest that would do.
        limit: usize,
    },
    /// Hosts behind a virtual wire leave frames unfinished, and the device cannot tell.
    UnfinishedFrames {
        /// The device.
        device: String,
    },
    /// The pool has not the frames that the device's rings want.
    NoFrames {
        /// How many they want.
        wanted: usize,
    },
    /// The frames that the device needs could not be had.
    Pool(waypost_packet::PoolError),
}

/// What a call was about that the operating system refused: which right it needs, and what else may be wrong, hangs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallSubject {
    /// A network interface, and how it is set.
    Interface,
    /// A packet socket or an AF_XDP socket, and its rings.
    Socket,
    /// What AF_XDP has of the pool and of the interface's queue.
    Xdp,
    /// The XDP program that hands frames to AF_XDP.
    XdpProgram,
    /// The file by which TUN and TAP interfaces are made.
    TunFile,
    /// A TUN or TAP interface that is made.
    TunInterface,
    /// A network namespace.
    Namespace,
}

impl OpenError {
    pub(crate) fn call(
        device: &str,
        about: CallSubject,
        call: &'static str,
        source: io::Error,
    ) -> Self {
        Self::Call {
            device: device.to_owned(),
            about,
            call,
            source,
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInterface { name, known } => {
                write!(f, "no interface `{name}`; there are: {}", known.join(", "))
            }
            Self::BadName(name) => {
                write!(
                    f,
                    "`{name}` is no interface name: 1 to 15 octets without `/`, `:` and blanks; one that is to be made may have \
                     one `%d` for a number, and no other `%`"
                )
            }
            Self::NoNamespace { name, source } => {
                write!(
                    f,
                    "no network namespace `{name}` ({source}): `ip netns list` shows those that have names"
                )
            }
            Self::NoQueue { device, queue } => write!(
                f,
                "{device} has no queue {queue} for AF_XDP: `ethtool -l {device}` shows how many there are; use fewer workers"
            ),
            Self::FramesTooLong { device, mtu, limit } => write!(
                f,
                "{device}: with an MTU of {mtu} octets its frames do not fit AF_XDP's buffers: set it to {limit} or less, or use \
                 AF_PACKET"
            ),
            Self::UnfinishedFrames { device } => write!(
                f,
                "{device} is a virtual wire: the host at its other end leaves checksums unfinished, and AF_XDP cannot tell. Name \
                 the interface there, so that its offloads are switched off, or say that it finishes its frames"
            ),
            Self::NoFrames { wanted } => write!(
                f,
                "the pool has not the {wanted} frames of 2 KiB that the rings want: give it more, or ask for smaller rings"
            ),
            Self::Call {
                device,
                about,
                call,
                source,
            } => {
                write!(f, "{device}: {call} failed: {source}")?;
                match source.raw_os_error() {
                    Some(libc::EPERM | libc::EACCES) => write!(f, "; it needs {}", about.right()),
                    Some(libc::EBUSY | libc::EEXIST) if *about == CallSubject::XdpProgram => {
                        write!(
                            f,
                            "; another program is attached: `ip link show` names it, `ip link set dev {device} xdp off` takes it down"
                        )
                    }
                    Some(libc::ENOENT | libc::ENODEV)
                        if matches!(about, CallSubject::TunFile | CallSubject::TunInterface) =>
                    {
                        write!(
                            f,
                            "; the kernel has no TUN/TAP driver, or /dev/net/tun is missing here"
                        )
                    }
                    Some(libc::EINVAL) if *about == CallSubject::TunInterface => {
                        write!(f, "; an interface of another kind has this name")
                    }
                    Some(libc::EBUSY) => write!(f, "; somebody else has it open"),
                    Some(libc::ENOMEM) => write!(f, "; ask for smaller rings"),
                    Some(libc::EAFNOSUPPORT | libc::ENOPROTOOPT) => {
                        write!(f, "; this kernel was built without it")
                    }
                    _ => Ok(()),
                }
            }
            Self::Pool(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoNamespace { source, .. } | Self::Call { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<waypost_packet::PoolError> for OpenError {
    fn from(error: waypost_packet::PoolError) -> Self {
        Self::Pool(error)
    }
}

impl CallSubject {
    /// The right that such a call needs (capabilities(7)).
    const fn right(self) -> &'static str {
        match self {
            Self::Xdp | Self::XdpProgram => {
                "CAP_BPF and CAP_NET_ADMIN outside of any user namespace: run as root, or use AF_PACKET"
            }
            Self::Namespace => {
                "CAP_SYS_ADMIN, over the namespace too: run as root, or start in that namespace"
            }
            Self::Socket => {
                "CAP_NET_RAW: run as root, or in a user namespace that owns the interface"
            }
            Self::TunFile => {
                "the permission to read and write that file: run as root, or have it given"
            }
            Self::Interface | Self::TunInterface => {
                "CAP_NET_ADMIN: run as root, or in a user namespace that owns the interface"
            }
        }
    }
}

/// The interfaces of the calling thread's network namespace.
pub fn interface_names() -> Vec<String> {
    // The first two lines are a heading; a name ends at its colon.
    let table = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
    let names = table
        .lines()
        .skip(2)
        .filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name.trim().to_owned()).collect()
}
