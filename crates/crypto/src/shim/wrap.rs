//! AES key wrap with keys of any AES length (RFC 3394).

use std::mem::MaybeUninit;
use std::ptr;

use aws_lc_sys::{
    AES_KEY, AES_set_decrypt_key, AES_set_encrypt_key, AES_unwrap_key, AES_wrap_key,
    OPENSSL_cleanse,
};

/// An AES key schedule that is cleared when it is dropped.
struct Schedule(MaybeUninit<AES_KEY>);

impl Drop for Schedule {
    fn drop(&mut self) {
        // SAFETY: clears exactly the bytes of the schedule, which has no destructor.
        unsafe { OPENSSL_cleanse(self.0.as_mut_ptr().cast(), size_of::<AES_KEY>()) }
    }
}

/// Wraps a key and returns whether that worked; `output` must be eight bytes longer than `key`.
pub(crate) fn wrap(wrapping_key: &[u8], key: &[u8], output: &mut [u8]) -> bool {
    let mut schedule = Schedule(MaybeUninit::zeroed());
    let Some(bits) = bits(wrapping_key) else { return false };
    if key.len() < 16 || !key.len().is_multiple_of(8) || output.len() != key.len() + 8 {
        return false;
    }
    // SAFETY: the schedule has the size C expects, the key has the bits given, a null vector means that of RFC 3394,
    // and the output has eight bytes more than the input (checked above).
    unsafe {
        AES_set_encrypt_key(wrapping_key.as_ptr(), bits, schedule.0.as_mut_ptr()) == 0
            && AES_wrap_key(
                schedule.0.as_ptr(),
                ptr::null(),
                output.as_mut_ptr(),
                key.as_ptr(),
                key.len(),
            ) >= 0
    }
}

/// Unwraps a key and returns whether its check value matched; `output` must be eight bytes shorter than `wrapped`.
pub(crate) fn unwrap(wrapping_key: &[u8], wrapped: &[u8], output: &mut [u8]) -> bool {
    let mut schedule = Schedule(MaybeUninit::zeroed());
    let Some(bits) = bits(wrapping_key) else { return false };
    if wrapped.len() < 24 || !wrapped.len().is_multiple_of(8) || output.len() + 8 != wrapped.len() {
        return false;
    }
    // SAFETY: as in `wrap`; the output has eight bytes less than the input (checked above).
    unsafe {
        AES_set_decrypt_key(wrapping_key.as_ptr(), bits, schedule.0.as_mut_ptr()) == 0
            && AES_unwrap_key(
                schedule.0.as_ptr(),
                ptr::null(),
                output.as_mut_ptr(),
                wrapped.as_ptr(),
                wrapped.len(),
            ) >= 0
    }
}

fn bits(key: &[u8]) -> Option<u32> {
    match key.len() {
        16 => Some(128),
        24 => Some(192),
        32 => Some(256),
        _ => None,
    }
}
