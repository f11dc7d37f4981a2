//! Unsigned integers in network byte order, at any address.

use core::fmt;

use crate::view::Stored;

macro_rules! big_endian {
    ($($(#[$doc:meta])* $name:ident: $native:ty, $len:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)] // octet order is numeric order
        #[repr(transparent)]
        pub struct $name([u8; $len]);

        impl $name {
            /// From the number.
            #[inline]
            pub const fn new(value: $native) -> Self {
                Self(value.to_be_bytes())
            }

            /// The number.
            #[inline]
            pub const fn get(self) -> $native {
                <$native>::from_be_bytes(self.0)
            }

            /// The octets in the order in which they travel.
            #[inline]
            pub const fn octets(self) -> [u8; $len] {
                self.0
            }
        }

        impl From<$native> for $name {
            #[inline]
            fn from(value: $native) -> Self {
                Self::new(value)
            }
        }

        impl From<$name> for $native {
            #[inline]
            fn from(value: $name) -> Self {
                value.get()
            }
        }

        impl Stored<$native> for $name {
            #[inline]
            fn load(self) -> $native {
                self.get()
            }
            #[inline]
            fn store(value: $native) -> Self {
                Self::new(value)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.get(), f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.get(), f)
            }
        }
    )*};
}

big_endian! {
    /// Two octets in network order.
    U16: u16, 2;
    /// Four octets in network order.
    U32: u32, 4;
    /// Eight octets in network order.
    U64: u64, 8;
    /// Sixteen octets in network order.
    U128: u128, 16;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octet_order_is_numeric_order() {
        assert!(U32::new(0x0100_0000) > U32::new(0x00ff_ffff));
        assert_eq!(U64::new(1).octets(), [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(u128::from(U128::from(7)), 7);
        assert_eq!(u16::from(U16::new(0xabcd)), 0xabcd);
    }
}
