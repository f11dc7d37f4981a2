//! What the compiler itself calls, and a C library would have: copying, filling and comparing memory.

/// # Safety
/// As in C: both must be valid for `length` octets, and not overlap.
// SAFETY: this is the function that the compiler means by the name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcpy(target: *mut u8, source: *const u8, length: usize) -> *mut u8 {
    for at in 0..length {
        // SAFETY: `at` is within what the caller vouches for. Volatile, lest the loop become a call of itself.
        unsafe { target.add(at).write_volatile(source.add(at).read()) };
    }
    target
}

/// # Safety
/// As in C: both must be valid for `length` octets.
// SAFETY: this is the function that the compiler means by the name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmove(target: *mut u8, source: *const u8, length: usize) -> *mut u8 {
    let moves_up = target.addr() > source.addr();
    for step in 0..length {
        let at = if moves_up { length - 1 - step } else { step };
        // SAFETY: `at` is within what the caller vouches for, and the order never reads what was written.
        unsafe { target.add(at).write_volatile(source.add(at).read()) };
    }
    target
}

/// # Safety
/// As in C: `target` must be valid for `length` octets.
// SAFETY: this is the function that the compiler means by the name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset(target: *mut u8, octet: i32, length: usize) -> *mut u8 {
    for at in 0..length {
        // SAFETY: `at` is within what the caller vouches for.
        unsafe { target.add(at).write_volatile(octet.to_le_bytes()[0]) };
    }
    target
}

/// # Safety
/// As in C: both must be valid for `length` octets.
// SAFETY: this is the function that the compiler means by the name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, length: usize) -> i32 {
    for at in 0..length {
        // SAFETY: `at` is within what the caller vouches for.
        let (a, b) = unsafe { (left.add(at).read_volatile(), right.add(at).read()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// # Safety
/// As in C: both must be valid for `length` octets.
// SAFETY: this is the function that the compiler means by the name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, length: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(left, right, length) }
}
