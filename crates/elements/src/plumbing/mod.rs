//! Sources, sinks, queues, switches, schedulers, devices: what packets flow through whatever they are.

mod classifier;
mod counter;
pub mod device;
mod dump;
mod end;
mod flow;
mod infinite_source;
mod paint;
mod pipeliner;
mod print;
mod queue;
mod rated_source;
mod sched;
mod script;
mod sink;
mod strip;
mod switch;
mod tee;
mod unqueue;

use waypost_graph::ElementClass;

pub use classifier::NO_PATTERN;
pub use counter::Counter;
pub use device::{DEVICE_FAILED, NO_FRAME, OVERRUN, TOO_LONG, UNFINISHED};
pub use dump::{NOT_IP, NOT_WRITTEN};
pub use flow::Null;
pub use infinite_source::InfiniteSource;
pub(crate) use paint::{COLOR, read_colour, write_colour};
pub use paint::{NO_SUCH_PAINT, OTHER_PAINT};
pub use pipeliner::PIPELINER_FULL;
pub(crate) use print::{Contents, seconds};
pub use queue::{QUEUE_FULL, QUEUE_RESET, Queue, QueueFull};
pub use sink::Discard;
pub use strip::{NO_HEADROOM, TOO_SHORT};
pub use switch::SWITCHED_OFF;
pub(crate) use tee::second;
pub use unqueue::Unqueue;

/// The classes of this folder.
pub const CLASSES: &[ElementClass] = &[
    classifier::CLASS,
    counter::CLASS,
    device::FROM_DEVICE,
    device::KERNEL_TAP,
    device::TO_DEVICE,
    dump::FROM_DUMP,
    dump::TO_DUMP,
    flow::DROP_WHEN_FULL,
    flow::NULL,
    infinite_source::CLASS,
    paint::CHECK_PAINT,
    paint::PAINT,
    paint::PAINT_SWITCH,
    pipeliner::CLASS,
    print::CLASS,
    queue::CLASS,
    rated_source::CLASS,
    sched::PRIO,
    sched::ROUND_ROBIN,
    script::DRIVER_MANAGER,
    script::SCRIPT,
    sink::DISCARD,
    sink::IDLE,
    strip::STRIP,
    strip::UNSTRIP,
    switch::ROUND_ROBIN_SWITCH,
    switch::SWITCH,
    tee::CLASS,
    unqueue::CLASS,
];
