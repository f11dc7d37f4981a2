//! What a wrapper leaves to the device within.

/// Methods of a [`NetDev`](crate::NetDev), in its implementation for a wrapper, that do what they do on the field `$device`:
/// `forward!(device: unsent, counted)`.
///
/// Those that move frames are the wrapper's own business.
#[macro_export]
macro_rules! forward {
    ($device:tt: $($method:ident),+ $(,)?) => {
        $($crate::forward!(@ $method $device);)+
    };
    (@ capabilities $device:tt) => {
        fn capabilities(&self) -> $crate::Capabilities {
            $crate::NetDev::capabilities(&self.$device)
        }
    };
    (@ unsent $device:tt) => {
        fn unsent(&self) -> usize {
            $crate::NetDev::unsent(&self.$device)
        }
    };
    (@ counted $device:tt) => {
        fn counted(&self) -> Option<$crate::DeviceStatistics> {
            $crate::NetDev::counted(&self.$device)
        }
    };
    (@ overruns $device:tt) => {
        fn overruns(&mut self) -> u64 {
            $crate::NetDev::overruns(&mut self.$device)
        }
    };
    (@ wants_memory $device:tt) => {
        fn wants_memory(&self) -> bool {
            $crate::NetDev::wants_memory(&self.$device)
        }
    };
    (@ wakeup $device:tt) => {
        fn wakeup(&self) -> $crate::Wakeup {
            $crate::NetDev::wakeup(&self.$device)
        }
    };
    (@ register $device:tt) => {
        fn register(&mut self, waker: &core::task::Waker) {
            $crate::NetDev::register(&mut self.$device, waker);
        }
    };
}
