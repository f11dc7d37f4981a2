//! The type of packet that a port carries.

use waypost_packet::Packet;

/// What a port carries: a [`Packet`], of which its type says more.
///
/// A kind is a wrapper of one field that only the element that establishes what it says hands out; in a
/// batch it is a plain packet, so a conversion costs nothing. With it, a processor that needs a
/// checked IPv4 header cannot be connected to one that promises none.
pub trait Kind: Sized + Send + 'static {
    /// Takes a packet of which the kind holds, because it came through a port of this kind, or because the caller has just
    /// established it.
    ///
    /// The caller promises it: nothing is checked, since the engine wraps each packet at each port, and a kind may be declared in
    /// any crate. A packet that is wrapped in vain breaks no memory; what relies on the kind finds, with an error or a panic, that
    /// it does not hold. Outside of a port, only the element that establishes a kind has reason to call this.
    fn wrap(packet: Packet) -> Self;

    /// The packet.
    fn unwrap(self) -> Packet;
}

impl Kind for Packet {
    #[inline(always)]
    fn wrap(packet: Packet) -> Self {
        packet
    }

    #[inline(always)]
    fn unwrap(self) -> Packet {
        self
    }
}

/// Declares a [`Kind`]: `kind!(/// A checked IPv4 packet. pub Ipv4)`.
#[macro_export]
macro_rules! kind {
    ($(#[$attribute:meta])* $visibility:vis $name:ident) => {
        $(#[$attribute])*
        #[derive(Debug)]
        #[repr(transparent)]
        $visibility struct $name($crate::Packet);

        impl $crate::Kind for $name {
            #[inline(always)]
            fn wrap(packet: $crate::Packet) -> Self {
                Self(packet)
            }

            #[inline(always)]
            fn unwrap(self) -> $crate::Packet {
                self.0
            }
        }

        impl ::core::ops::Deref for $name {
            type Target = $crate::Packet;

            #[inline(always)]
            fn deref(&self) -> &$crate::Packet {
                &self.0
            }
        }

        impl ::core::ops::DerefMut for $name {
            #[inline(always)]
            fn deref_mut(&mut self) -> &mut $crate::Packet {
                &mut self.0
            }
        }
    };
}
