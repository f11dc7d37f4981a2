//! Viewing bytes as headers in place: the one unsafe trait, and the macro that implements it.
//!
//! All `unsafe` of this crate but the prefetch hint is in this file. A protocol file declares its
//! header with [`header!`](crate::header), which proves at compile time that every field is a
//! [`View`], and writes no `unsafe` itself.

#![allow(unsafe_code)]

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::addr::MacAddr;
use crate::integers::{U16, U32, U64, U128};

/// Fewer bytes than the thing needs that was to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Truncated {
    /// Bytes that were needed.
    pub needed: usize,
    /// Bytes that were there.
    pub found: usize,
}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected at least {} bytes, found {}",
            self.needed, self.found
        )
    }
}

impl core::error::Error for Truncated {}

/// A type that can be laid over any bytes.
///
/// Implement it with [`header!`](crate::header), which checks the conditions below.
///
/// # Safety
/// The type must have alignment 1 and no padding, every bit pattern must be a valid value of it,
/// and it must have no interior mutability.
pub unsafe trait View: Copy + Sized + 'static {
    /// Looks at the first bytes as a `Self` and returns what follows.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer bytes than `Self` takes.
    #[inline]
    fn view(bytes: &[u8]) -> Result<(&Self, &[u8]), Truncated> {
        match bytes.split_at_checked(size_of::<Self>()) {
            // SAFETY: `head` has exactly the size of `Self`, and by the contract of the trait any
            // bytes at any address are a `Self`. The result borrows `bytes` as `head` does.
            Some((head, rest)) => Ok((unsafe { &*head.as_ptr().cast::<Self>() }, rest)),
            None => Err(Truncated {
                needed: size_of::<Self>(),
                found: bytes.len(),
            }),
        }
    }

    /// Looks at the first bytes as a mutable `Self` and returns what follows.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer bytes than `Self` takes.
    #[inline]
    fn view_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), Truncated> {
        let found = bytes.len();
        match bytes.split_at_mut_checked(size_of::<Self>()) {
            // SAFETY: as in `view`; further, whatever is written through the result leaves
            // initialised bytes, since there is no padding, and the exclusive borrow is handed on.
            Some((head, rest)) => Ok((unsafe { &mut *head.as_mut_ptr().cast::<Self>() }, rest)),
            None => Err(Truncated {
                needed: size_of::<Self>(),
                found,
            }),
        }
    }

    /// Looks at the bytes as a row of `Self`s; bytes at the end that do not make a whole one are
    /// returned apart.
    #[inline]
    fn view_slice(bytes: &[u8]) -> (&[Self], &[u8]) {
        const { assert!(size_of::<Self>() > 0, "a row of nothing has no length") };
        let count = bytes.len() / size_of::<Self>();
        let (head, rest) = bytes.split_at(count * size_of::<Self>());
        // SAFETY: `head` is `count` times the size of `Self` long, and each part is a valid `Self`
        // by the contract of the trait.
        (
            unsafe { core::slice::from_raw_parts(head.as_ptr().cast::<Self>(), count) },
            rest,
        )
    }

    /// The bytes of the value.
    #[inline]
    fn bytes(&self) -> &[u8] {
        // SAFETY: `self` spans `size_of::<Self>()` bytes, all initialised, since there is no
        // padding.
        unsafe { core::slice::from_raw_parts((&raw const *self).cast::<u8>(), size_of::<Self>()) }
    }

    /// The bytes of the value, to be written.
    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; further, any bytes written are again a valid `Self`.
        unsafe { core::slice::from_raw_parts_mut((&raw mut *self).cast::<u8>(), size_of::<Self>()) }
    }

    /// The bytes of the value as an array, whose length `N` must be the size of `Self` (checked
    /// when compiled).
    #[inline]
    fn array<const N: usize>(&self) -> &[u8; N] {
        const {
            assert!(N == size_of::<Self>(), "as long as the type");
        };
        // SAFETY: the sizes agree, an array of bytes has alignment 1, and there is no padding.
        unsafe { &*(&raw const *self).cast::<[u8; N]>() }
    }

    /// A value made of its bytes, of which there must be as many as `Self` takes (checked when
    /// compiled).
    #[inline]
    fn from_array<const N: usize>(bytes: [u8; N]) -> Self {
        const {
            assert!(N == size_of::<Self>(), "as long as the type");
        };
        // SAFETY: the sizes agree and any bytes are a valid `Self`.
        unsafe { core::mem::transmute_copy(&bytes) }
    }
}

// SAFETY: a byte has alignment 1, no padding, and all its bit patterns are valid.
unsafe impl View for u8 {}
// SAFETY: transparent over an array of bytes, as are the four integers below.
unsafe impl View for MacAddr {}
// SAFETY: see above.
unsafe impl View for U16 {}
// SAFETY: see above.
unsafe impl View for U32 {}
// SAFETY: see above.
unsafe impl View for U64 {}
// SAFETY: see above.
unsafe impl View for U128 {}
// SAFETY: an array has the alignment of its element and no padding between them.
unsafe impl<T: View, const N: usize> View for [T; N] {}

/// How a header keeps a value of type `V` in its bytes.
///
/// The accessors that [`header!`](crate::header) makes are `load`, its setters `store`.
pub trait Stored<V>: View {
    /// The value out of its bytes.
    fn load(self) -> V;
    /// The bytes of a value.
    fn store(value: V) -> Self;
}

impl<T: View> Stored<T> for T {
    #[inline]
    fn load(self) -> T {
        self
    }
    #[inline]
    fn store(value: T) -> T {
        value
    }
}

impl Stored<Ipv4Addr> for [u8; 4] {
    #[inline]
    fn load(self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self)
    }
    #[inline]
    fn store(value: Ipv4Addr) -> Self {
        value.octets()
    }
}

impl Stored<Ipv6Addr> for [u8; 16] {
    #[inline]
    fn load(self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self)
    }
    #[inline]
    fn store(value: Ipv6Addr) -> Self {
        value.octets()
    }
}

/// Declares a header: a `repr(C)` struct of alignment 1 over any bytes, with its fields in the
/// order of its RFC.
///
/// Every field must be a [`View`]; anything else does not compile. A field written
/// `name: Storage => Value, set_name;` gets a public accessor and a public setter through
/// [`Stored`]; a field written `name: Storage;` stays private and is for hand-written accessors
/// (bit fields, reserved octets). The struct gets `LEN`, `split_from`, `split_from_mut`,
/// `as_bytes`, `from_bytes`, and compares, copies and hashes as its bytes do.
///
/// ```
/// use waypost_wire::{header, U16, U32};
///
/// header! {
///     /// The first two words of a made-up protocol.
///     pub struct ProbeHeader {
///         /// Where the probe goes.
///         port: U16 => u16, set_port;
///         reserved: [u8; 2];
///         /// Which probe it is.
///         sequence: U32 => u32, set_sequence;
///     }
/// }
///
/// let (probe, rest) = ProbeHeader::split_from(&[0, 53, 0, 0, 0, 0, 0, 9, 0xff]).unwrap();
/// assert_eq!((probe.port(), probe.sequence(), rest), (53, 9, &[0xff][..]));
/// ```
///
/// A field that is no [`View`], such as a number in the byte order and alignment of the machine, is
/// refused:
///
/// ```compile_fail,E0277
/// waypost_wire::header! {
///     /// No header.
///     pub struct Unaligned {
///         port: u16;
///     }
/// }
/// ```
#[macro_export]
macro_rules! header {
    (@declare [$($lint:tt)*]
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $( $(#[$field_meta:meta])* $field:ident: $storage:ty $(=> $value:ty, $setter:ident)?; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(C)]
        $vis struct $name {
            $( $field: $storage, )+
        }

        $($lint)*
        const _: () = {
            const fn is_view<T: $crate::view::View>() {}
            $( is_view::<$storage>(); )+
            assert!(align_of::<$name>() == 1);
            // SAFETY: every field is a `View` (checked above), so alignment is 1, there is no
            // padding, and any bytes are valid.
            unsafe impl $crate::view::View for $name {}
        };

        #[allow(dead_code, unreachable_pub)] // a private header need not use all of it
        impl $name {
            /// Length in octets.
            pub const LEN: usize = size_of::<Self>();

            /// Looks at the first bytes as this header and returns what follows it.
            ///
            /// # Errors
            /// [`Truncated`]($crate::view::Truncated) if there are fewer than [`LEN`](Self::LEN)
            /// bytes.
            #[inline]
            pub fn split_from(bytes: &[u8]) -> Result<(&Self, &[u8]), $crate::view::Truncated> {
                <Self as $crate::view::View>::view(bytes)
            }

            /// Looks at the first bytes as this header, to be changed, and returns what follows it.
            ///
            /// # Errors
            /// [`Truncated`]($crate::view::Truncated) if there are fewer than [`LEN`](Self::LEN)
            /// bytes.
            #[inline]
            pub fn split_from_mut(bytes: &mut [u8]) -> Result<(&mut Self, &mut [u8]), $crate::view::Truncated> {
                <Self as $crate::view::View>::view_mut(bytes)
            }

            /// The header as it travels.
            #[inline]
            pub fn as_bytes(&self) -> &[u8; Self::LEN] {
                $crate::view::View::array(self)
            }

            /// The header with these octets.
            #[inline]
            pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
                $crate::view::View::from_array(bytes)
            }

            $( $crate::header! { @accessors $(#[$field_meta])* $field $(=> $value, $setter)? } )+
        }
    };
    (@accessors $(#[$meta:meta])* $field:ident) => {};
    (@accessors $(#[$meta:meta])* $field:ident => $value:ty, $setter:ident) => {
        $(#[$meta])*
        #[inline]
        pub fn $field(&self) -> $value {
            $crate::view::Stored::<$value>::load(self.$field)
        }

        #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
        #[inline]
        pub fn $setter(&mut self, value: $value) {
            self.$field = $crate::view::Stored::<$value>::store(value);
        }
    };
    ($($declaration:tt)*) => {
        $crate::header! { @declare [] $($declaration)* }
    };
}

/// [`header!`](crate::header) for the files of this crate, which denies `unsafe` outside this one.
///
/// The exported form says nothing about lints, so that crates which forbid `unsafe` can use it.
macro_rules! own_header {
    ($($declaration:tt)*) => {
        $crate::header! { @declare [#[allow(unsafe_code)]] $($declaration)* }
    };
}
pub(crate) use own_header as header;

#[cfg(test)]
mod tests {
    use super::*;

    own_header! {
        /// A header for the tests.
        struct Sample {
            /// One octet.
            kind: u8 => u8, set_kind;
            flags: u8;
            /// An odd place for a word.
            word: U16 => u16, set_word;
            /// An address.
            address: [u8; 4] => Ipv4Addr, set_address;
        }
    }

    #[test]
    fn a_header_lies_over_bytes_of_any_alignment() {
        let bytes = [9, 1, 2, 3, 4, 10, 0, 0, 1, 77];
        let (sample, rest) = Sample::split_from(&bytes[1..]).unwrap();
        assert_eq!((sample.kind(), sample.flags, sample.word()), (1, 2, 0x0304));
        assert_eq!(sample.address(), Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(rest, [77]);
        assert_eq!(sample.as_bytes()[..], bytes[1..9]);
        assert_eq!(Sample::from_bytes(*sample.as_bytes()), *sample);
    }

    #[test]
    fn setters_write_through() {
        let mut bytes = [0; Sample::LEN + 1];
        let (sample, _) = Sample::split_from_mut(&mut bytes).unwrap();
        sample.set_kind(5);
        sample.set_word(0xabcd);
        sample.set_address(Ipv4Addr::LOCALHOST);
        assert_eq!(bytes, [5, 0, 0xab, 0xcd, 127, 0, 0, 1, 0]);
    }

    #[test]
    fn too_few_bytes_are_told() {
        assert_eq!(
            Sample::split_from(&[0; 7]),
            Err(Truncated {
                needed: 8,
                found: 7
            })
        );
        assert_eq!(
            Sample::split_from_mut(&mut []).unwrap_err(),
            Truncated {
                needed: 8,
                found: 0
            }
        );
    }

    #[test]
    fn rows_leave_the_incomplete_rest() {
        let (words, rest) = U16::view_slice(&[0, 1, 0, 2, 9]);
        assert_eq!((words, rest), (&[U16::new(1), U16::new(2)][..], &[9][..]));
        assert_eq!(U32::view_slice(&[]).0, []);
    }
}
