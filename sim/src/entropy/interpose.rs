//! The C functions that stand before the C library's.
//!
//! The linker takes these for everything in the executable and, since the executable's symbols come first in the
//! dynamic search order, for everything that looks them up while it runs. On a bent thread they answer from the seed;
//! on any other they hand the call to the next definition, which is the C library's.
use super::bend::{self, Reading};
use libc::{c_int, c_void, clockid_t, size_t, timespec};
use std::ffi::CStr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The first of our symbols that a run-time look-up does not find: the `getrandom` crate looks up `getrandom` so.
pub(super) fn hidden() -> Option<&'static str> {
    // A two-level namespace (macOS) binds at link time: there the checks by calling are all there is.
    #[cfg(target_os = "linux")]
    for (name, ours) in [
        (c"getrandom", getrandom as *const c_void),
        (c"getentropy", getentropy as *const c_void),
        (c"clock_gettime", clock_gettime as *const c_void),
        (c"pthread_create", pthread_create as *const c_void),
    ] {
        // SAFETY: `name` is a C string.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        if found.cast_const() != ours {
            return name.to_str().ok();
        }
    }
    None
}

/// The definition of a symbol that comes after ours, looked up once.
struct Next {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
}

impl Next {
    const fn new(name: &'static CStr) -> Self {
        Self { name, found: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// Null when there is none.
    fn address(&self) -> *mut c_void {
        // Relaxed: the pointer is to code, which nobody writes, and two threads find the same.
        let known = self.found.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        // SAFETY: the name is a C string.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        self.found.store(found, Ordering::Relaxed);
        found
    }
}

/// Calls the next definition of the C function around it, or answers `$without` when there is none.
macro_rules! next {
    ($name:ident as $type:ty, ($($argument:expr),*), without: $without:expr) => {{
        static NEXT: Next = Next::new(match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
            Ok(name) => name,
            Err(_) => unreachable!(),
        });
        let address = NEXT.address();
        if address.is_null() {
            $without
        } else {
            // SAFETY: the C library's function of this name has this type.
            let next = unsafe { std::mem::transmute::<*mut c_void, $type>(address) };
            // SAFETY: our caller keeps the same contract.
            unsafe { next($($argument),*) }
        }
    }};
}

/// Sets the calling thread's `errno` and answers -1.
fn fail(errno: c_int) -> c_int {
    // SAFETY: the C library's `errno` of this thread is always there.
    unsafe {
        #[cfg(target_os = "linux")]
        let place = libc::__errno_location();
        #[cfg(target_os = "macos")]
        let place = libc::__error();
        *place = errno;
    }
    -1
}

/// Fills a caller's buffer from the seed; `false` on a thread that is not bent.
///
/// # Safety
///
/// `buffer` is writable for `length` bytes, or `length` is 0.
unsafe fn fill(buffer: *mut c_void, length: size_t) -> bool {
    if !bend::is_bent() {
        return false;
    }
    if length == 0 {
        return bend::fill(&mut []);
    }
    // The bytes may be uninitialised, which a slice must not see.
    // SAFETY: the caller's contract.
    let bytes = unsafe {
        buffer.cast::<u8>().write_bytes(0, length);
        std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length)
    };
    bend::fill(bytes)
}

/// Stands before `getrandom(2)`. Answers all that was asked for in one call.
///
/// # Safety
///
/// As of `getrandom(2)`.
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: size_t, flags: libc::c_uint) -> libc::ssize_t {
    // SAFETY: the caller's contract.
    if unsafe { fill(buffer, length) } {
        return length.cast_signed();
    }
    type GetRandom = unsafe extern "C" fn(*mut c_void, size_t, libc::c_uint) -> libc::ssize_t;
    next!(getrandom as GetRandom, (buffer, length, flags), without: fail(libc::ENOSYS) as libc::ssize_t)
}

/// Stands before `getentropy(3)`.
///
/// # Safety
///
/// As of `getentropy(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn getentropy(buffer: *mut c_void, length: size_t) -> c_int {
    const LIMIT: size_t = 256;
    // SAFETY: the caller's contract.
    if length <= LIMIT && unsafe { fill(buffer, length) } {
        return 0;
    }
    type GetEntropy = unsafe extern "C" fn(*mut c_void, size_t) -> c_int;
    // More than the limit is the C library's to refuse.
    next!(getentropy as GetEntropy, (buffer, length), without: fail(libc::ENOSYS))
}

/// Stands before `CCRandomGenerateBytes`, which std uses for hash keys on Apple systems.
///
/// # Safety
///
/// As of `CCRandomGenerateBytes`.
#[cfg(target_os = "macos")]
#[unsafe(no_mangle)]
unsafe extern "C" fn CCRandomGenerateBytes(buffer: *mut c_void, length: size_t) -> i32 {
    const UNIMPLEMENTED: i32 = -4305;
    // SAFETY: the caller's contract.
    if unsafe { fill(buffer, length) } {
        return 0;
    }
    type GenerateBytes = unsafe extern "C" fn(*mut c_void, size_t) -> i32;
    next!(CCRandomGenerateBytes as GenerateBytes, (buffer, length), without: UNIMPLEMENTED)
}

/// Stands before `clock_gettime(2)`. Clocks that count a process's or a thread's work stay real.
///
/// # Safety
///
/// As of `clock_gettime(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    match which(clock).map_or(Reading::Real, bend::read_clock) {
        Reading::At(now) => {
            // Field by field, as some targets pad the struct.
            // SAFETY: the caller's contract: `time` is writable.
            unsafe {
                (*time).tv_sec = now.as_secs().cast_signed() as _;
                (*time).tv_nsec = now.subsec_nanos() as _;
            }
            return 0;
        }
        // std panics on it, which ends the software and names its host.
        Reading::StandsStill => return fail(libc::EDEADLK),
        Reading::Real => {}
    }
    type ClockGetTime = unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int;
    next!(clock_gettime as ClockGetTime, (clock, time), without: fail(libc::ENOSYS))
}

/// Whether a clock is a wall clock (`true`) or a monotonic one; `None` for those that stay real.
fn which(clock: clockid_t) -> Option<bool> {
    match clock {
        libc::CLOCK_REALTIME => Some(true),
        libc::CLOCK_MONOTONIC | libc::CLOCK_MONOTONIC_RAW => Some(false),
        #[cfg(target_os = "linux")]
        libc::CLOCK_REALTIME_COARSE => Some(true),
        #[cfg(target_os = "linux")]
        libc::CLOCK_MONOTONIC_COARSE | libc::CLOCK_BOOTTIME => Some(false),
        #[cfg(target_os = "macos")]
        libc::CLOCK_MONOTONIC_RAW_APPROX | libc::CLOCK_UPTIME_RAW | libc::CLOCK_UPTIME_RAW_APPROX => Some(false),
        _ => None,
    }
}

/// Stands before `pthread_create(3)`: always starts the thread, and takes note when a bent thread asked for it.
///
/// # Safety
///
/// As of `pthread_create(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: extern "C" fn(*mut c_void) -> *mut c_void,
    argument: *mut c_void,
) -> c_int {
    type Create = unsafe extern "C" fn(
        *mut libc::pthread_t,
        *const libc::pthread_attr_t,
        extern "C" fn(*mut c_void) -> *mut c_void,
        *mut c_void,
    ) -> c_int;
    bend::note_thread();
    next!(pthread_create as Create, (thread, attributes, start, argument), without: libc::EAGAIN)
}
