fn main() {
    #[cfg(feature = "std")]
    {
        // The target folder may lie outside of the checkout, where the builder would not find the
        // lock file, and would compile the runtime from whatever versions are newest.
        // Read when it runs: clones that share a target folder share this program, too.
        if let Ok(runtime) = std::env::var("CARGO_MANIFEST_DIR") {
            std::env::set_var("WASM_BUILD_WORKSPACE_HINT", format!("{runtime}/.."));
        }

        let builder = substrate_wasm_builder::WasmBuilder::init_with_defaults();
        #[cfg(feature = "metadata-hash")]
        let builder = builder.enable_metadata_hash("CRED", 12);
        builder.build();
    }
}
