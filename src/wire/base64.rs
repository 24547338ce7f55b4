//! Base64 for what every message has.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use {::base64::engine::Simd, ::base64::engine::general_purpose::PAD, std::sync::LazyLock};

/// The standard alphabet, padded; with vector instructions where the processor has them.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub static BASE64: LazyLock<Simd> = LazyLock::new(|| Simd::standard(PAD));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use ::base64::engine::general_purpose::STANDARD as BASE64;

#[cfg(test)]
mod tests {
    use super::*;
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    proptest! {
        /// A history is the same on every machine.
        #[test]
        fn it_is_the_same_with_and_without_vectors(bytes in prop::collection::vec(any::<u8>(), 0..300), place: usize) {
            let text = BASE64.encode(&bytes);
            prop_assert_eq!(&text, &STANDARD.encode(&bytes));
            prop_assert_eq!(BASE64.decode(&text), Ok(bytes));
            let mut damaged = text.into_bytes();
            if let Some(at) = place.checked_rem(damaged.len()) {
                damaged[at] = b'!';
                prop_assert_eq!(BASE64.decode(&damaged), STANDARD.decode(&damaged));
            }
        }
    }
}
