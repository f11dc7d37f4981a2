//! Lists of options that begin with a type and a length: those of IPv4, IPv6, TCP and neighbour discovery read alike.

/// Makes the iterator over a protocol's options, and the error of those that cannot be read.
///
/// `alone` tells of a type that has no length octet the option, and whether it ends the list; `octets` how long an option is, type
/// and length included, of its length octet; `read` is the option that takes exactly these octets, or `None` if its type takes
/// another length. The messages are given the type and what was found.
macro_rules! options {
    (
        $(#[$list_doc:meta])* $list:ident of $option:ident,
        $(#[$error_doc:meta])* $error:ident,
        $(#[$found_doc:meta])* found,
        alone: $alone:expr, octets: $octets:expr, read: $read:expr,
        truncated: $truncated:literal, length: $length:literal $(,)?
    ) => {
        $(#[$error_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $error {
            /// There is no length octet, or it counts more than there is.
            Truncated {
                /// The option type.
                kind: u8,
                /// Octets that are there, type included.
                found: usize,
            },
            /// The length does not fit the type.
            Length {
                /// The option type.
                kind: u8,
                $(#[$found_doc])*
                found: u8,
            },
        }

        impl $error {
            /// The type of the option that cannot be read.
            pub const fn kind(&self) -> u8 {
                match self {
                    Self::Truncated { kind, .. } | Self::Length { kind, .. } => *kind,
                }
            }
        }

        impl core::fmt::Display for $error {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self {
                    Self::Truncated { kind, found } => write!(f, $truncated, kind, found),
                    Self::Length { kind, found } => write!(f, $length, kind, found),
                }
            }
        }

        impl core::error::Error for $error {}

        $(#[$list_doc])*
        #[derive(Clone, Debug)]
        pub struct $list<'a> {
            rest: &'a [u8],
        }

        impl<'a> $list<'a> {
            /// The options in these octets.
            #[inline]
            pub const fn new(bytes: &'a [u8]) -> Self {
                Self { rest: bytes }
            }

            /// The octets not yet read.
            #[inline]
            pub const fn remaining(&self) -> &'a [u8] {
                self.rest
            }
        }

        impl<'a> Iterator for $list<'a> {
            type Item = Result<$option<'a>, $error>;

            fn next(&mut self) -> Option<Self::Item> {
                let (&kind, rest) = self.rest.split_first()?;
                if let Some((option, ends)) = $alone(kind) {
                    self.rest = if ends { &[] } else { rest };
                    return Some(Ok(option));
                }
                let found = self.rest.len();
                let whole = rest.first().and_then(|&len| {
                    let (option, rest) = self.rest.split_at_checked($octets(len))?;
                    Some((len, option, rest))
                });
                let Some((len, option, rest)) = whole else {
                    self.rest = &[];
                    return Some(Err($error::Truncated { kind, found }));
                };
                let option = $read(kind, option).ok_or($error::Length { kind, found: len });
                self.rest = if option.is_ok() { rest } else { &[] };
                Some(option)
            }
        }

        impl core::iter::FusedIterator for $list<'_> {}
    };
}

pub(crate) use options;
