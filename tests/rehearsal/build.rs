fn main() {
    #[cfg(feature = "std")]
    {
        // The versions of everything are those of the workspace.
        if let Ok(here) = std::env::var("CARGO_MANIFEST_DIR") {
            std::env::set_var("WASM_BUILD_WORKSPACE_HINT", format!("{here}/../.."));
        }
        substrate_wasm_builder::WasmBuilder::build_using_defaults();
    }
}
