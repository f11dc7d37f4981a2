//! A hint to the cache: load this line, it is needed soon.
//!
//! On architectures without a stable intrinsic the hint is nothing. It never faults and never
//! changes what a program computes.

#![allow(unsafe_code)]

/// Asks for the cache line where `value` begins, to be read soon.
#[inline(always)]
pub fn prefetch_read<T: ?Sized>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: prefetching has no effect but on the cache, whatever the address; SSE is part of
        // x86_64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>((&raw const *value).cast::<i8>()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Asks for the cache line where `values[index]` begins; nothing happens if there is no such
/// element.
#[inline(always)]
pub fn prefetch_index<T>(values: &[T], index: usize) {
    if let Some(value) = values.get(index) {
        prefetch_read(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_do_nothing_visible() {
        let values = [1, 2, 3];
        prefetch_read(&values);
        prefetch_read(&values[..]);
        prefetch_index(&values, 2);
        prefetch_index(&values, 3);
        assert_eq!(values, [1, 2, 3]);
    }
}
