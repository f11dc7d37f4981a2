//! Classifiers: each packet goes out of one of several outputs.

use waypost_packet::Batch;

use crate::Cx;
use crate::element::Element;
use crate::kind::Kind;

/// Says for each packet out of which output it goes.
pub trait Classifier: Send {
    /// What it takes, and hands on.
    type Packet;
    /// The outputs: an enum of the user's, or a plain number.
    type Class: Class;

    /// The class of one packet. It may leave annotations on it.
    fn classify(&mut self, packet: &mut Self::Packet) -> Self::Class;
}

/// An output of a classifier.
pub trait Class: Copy {
    /// How many there are.
    const COUNT: usize;

    /// Which of them this is, below [`COUNT`](Self::COUNT), which is at most 256.
    fn output(self) -> usize;
}

impl Class for bool {
    const COUNT: usize = 2;

    #[inline(always)]
    fn output(self) -> usize {
        usize::from(!self)
    }
}

/// Declares an enum of classes, the first for output 0: `classes!(enum Kind { Ip, Arp, Other })`.
#[macro_export]
macro_rules! classes {
    ($(#[$attribute:meta])* $visibility:vis enum $name:ident { $($(#[$doc:meta])* $class:ident),+ $(,)? }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $name { $($(#[$doc])* $class),+ }

        impl $crate::Class for $name {
            const COUNT: usize = [$(stringify!($class)),+].len();

            #[inline(always)]
            fn output(self) -> usize {
                self as usize
            }
        }
    };
}

/// A classifier as an element with one input and as many outputs as there are classes.
pub(crate) struct LiftClassifier<C>(pub(crate) C);

impl<C> Element for LiftClassifier<C>
where
    C: Classifier,
    C::Packet: Kind,
{
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let mut outputs = [0; Batch::CAPACITY];
        let mut places = outputs.iter_mut();
        batch.filter_map(|packet| {
            let mut packet = C::Packet::wrap(packet);
            let class = self.0.classify(&mut packet);
            if let Some(place) = places.next() {
                *place = class.output() as u8;
            }
            Some(packet.unwrap())
        });
        cx.distribute(batch, &outputs);
    }
}
