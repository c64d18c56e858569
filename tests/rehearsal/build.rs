fn main() {
    #[cfg(feature = "std")]
    {
        // The target folder lies outside of the checkout: the builder would not find the lock file.
        if let Ok(here) = std::env::var("CARGO_MANIFEST_DIR") {
            std::env::set_var("WASM_BUILD_WORKSPACE_HINT", here);
        }
        substrate_wasm_builder::WasmBuilder::build_using_defaults();
    }
}
