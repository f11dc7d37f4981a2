//! Macros for numbers of the wire that have types of their own.

/// Declares a number whose values have names. The set is open: any other value is shown as a number,
/// after a word that says of what.
macro_rules! named_values {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident($native:ty), $kind:literal {
            $($(#[$doc:meta])* $value:ident = $number:literal, $text:literal;)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $native);

        impl $name {
            $($(#[$doc])* pub const $value: Self = Self($number);)*
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(match *self {
                    $(Self::$value => $text,)*
                    Self(other) => return write!(f, concat!($kind, " {}"), other),
                })
            }
        }
    };
}

/// Lets fields of a header be numbers of a type: what they are stored as is a view of what the type wraps.
macro_rules! stored {
    ($name:ident in $stored:ty) => {
        impl $crate::view::Stored<$name> for $stored {
            #[inline]
            fn load(self) -> $name {
                $name($crate::view::Stored::load(self))
            }
            #[inline]
            fn store(value: $name) -> Self {
                $crate::view::Stored::store(value.0)
            }
        }
    };
}

pub(crate) use named_values;
pub(crate) use stored;
