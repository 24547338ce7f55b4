//! The allocator that the command brings, for every program that wants it too.
//!
//! ```
//! use giant_lizard::allocator::Mimalloc;
//!
//! #[global_allocator]
//! static ALLOCATOR: Mimalloc = Mimalloc;
//! ```
use libmimalloc_sys as mi;
use std::alloc::{GlobalAlloc, Layout};

/// A block of mimalloc's that is at least as large lies on a multiple of this (its `MI_MAX_ALIGN_SIZE`), as C demands of
/// `malloc`; a smaller one on a multiple of every power of two that is not larger than it.
const NATURAL_ALIGNMENT: usize = 16;

/// [mimalloc](https://microsoft.github.io/mimalloc/), asked for an alignment only where it is not there anyway.
///
/// A seed is over a hundred thousand small allocations on a thread of its own, and nearly none of them needs more than
/// `malloc` promises. The `mimalloc` crate asks for an alignment each time, which looks at the block before it takes it and,
/// where the first free one is missing, takes a larger one: twice the work. Most sizes are known when a program is built, so
/// it is known too which of them are small.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mimalloc;

fn is_natural(layout: Layout) -> bool {
    layout.align() <= NATURAL_ALIGNMENT && layout.align() <= layout.size()
}

// SAFETY: mimalloc answers null or a block of its own that is as large as asked for, aligned as asked for or, where nothing
// is asked for, as `NATURAL_ALIGNMENT` tells, which `is_natural` holds each layout against. It frees and resizes by the
// address alone, whichever function made the block. No function unwinds.
unsafe impl GlobalAlloc for Mimalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: any size may be asked for, of `mi_malloc_small` any up to its limit; a layout's alignment is a power of two.
        let block = unsafe {
            match is_natural(layout) {
                true if size <= mi::MI_SMALL_SIZE_MAX => mi::mi_malloc_small(size),
                true => mi::mi_malloc(size),
                false => mi::mi_malloc_aligned(size, align),
            }
        };
        block.cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: as in `alloc`.
        let block =
            unsafe { if is_natural(layout) { mi::mi_zalloc(size) } else { mi::mi_zalloc_aligned(size, align) } };
        block.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: the caller's contract: `block` was allocated here.
        unsafe { mi::mi_free(block.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's contract: `block` was allocated here, and its alignment is a power of two. For one of a
        // word or less this is no more work than `mi_realloc`.
        unsafe { mi::mi_realloc_aligned(block.cast(), size, layout.align()) }.cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_is_aligned_as_its_layout_says_when_made_zeroed_and_resized() {
        for align in (0..14).map(|bits| 1 << bits) {
            for size in (1..200).chain([255, 256, 1000, 1023, 1024, 1025, 4097, 70_000, 300_000]) {
                let layout = Layout::from_size_align(size, align).expect("it is no larger than a program");
                // Several of a size: the first block of a page lies on a multiple of more than the others.
                let blocks: Vec<_> = (0..5).map(|_| made_and_resized(layout)).collect();
                for (block, layout) in blocks {
                    // SAFETY: it was allocated with this layout.
                    unsafe { Mimalloc.dealloc(block, layout) };
                }
            }
        }
    }

    /// A block of twice the size, once of this one, zeroed.
    fn made_and_resized(layout: Layout) -> (*mut u8, Layout) {
        let resized =
            Layout::from_size_align(layout.size() * 2, layout.align()).expect("it is no larger than a program");
        // SAFETY: the layouts are of some size; each block is freed or resized with its own.
        unsafe {
            let other = Mimalloc.alloc(layout);
            assert!(!other.is_null() && other.addr().is_multiple_of(layout.align()), "{layout:?} at {other:?}");
            other.write_bytes(0xa5, layout.size());
            let block = Mimalloc.alloc_zeroed(layout);
            assert!(!block.is_null() && block.addr().is_multiple_of(layout.align()), "{layout:?} at {block:?}");
            assert!(std::slice::from_raw_parts(block, layout.size()).iter().all(|byte| *byte == 0));
            Mimalloc.dealloc(other, layout);
            let block = Mimalloc.realloc(block, layout, resized.size());
            assert!(!block.is_null() && block.addr().is_multiple_of(layout.align()), "{layout:?} at {block:?}");
            (block, resized)
        }
    }
}
