//! The chains that the node knows by name. Any other is given as a file.

use salus_runtime::{genesis_config_presets, WASM_BINARY};
use sc_service::ChainType;

pub type ChainSpec = sc_service::GenericChainSpec;

pub fn load(id: &str) -> Result<ChainSpec, String> {
    match id {
        "dev" => preset(
            "Salus Development",
            "salus_dev",
            ChainType::Development,
            genesis_config_presets::DEVELOPMENT,
        ),
        "local" => preset(
            "Salus Local",
            "salus_local",
            ChainType::Local,
            genesis_config_presets::LOCAL,
        ),
        "" => Err(
            "which chain? Give --dev, --chain local, or --chain with the path of a specification"
                .into(),
        ),
        path => ChainSpec::from_json_file(path.into())
            .map_err(|error| format!("{path} is not a chain specification: {error}")),
    }
}

fn preset(name: &str, id: &str, chain_type: ChainType, preset: &str) -> Result<ChainSpec, String> {
    let wasm = WASM_BINARY
        .ok_or("this node was built without its runtime: build it again without SKIP_WASM_BUILD")?;
    Ok(ChainSpec::builder(wasm, None)
        .with_name(name)
        .with_id(id)
        .with_chain_type(chain_type)
        .with_protocol_id("salus")
        .with_genesis_config_preset_name(preset)
        .with_properties(properties())
        .build())
}

/// What explorers need to show credits.
pub fn properties() -> sc_service::Properties {
    [
        ("ss58Format", 42.into()),
        ("tokenDecimals", 12.into()),
        ("tokenSymbol", "CRED".into()),
    ]
    .map(|(name, value): (_, serde_json::Value)| (name.to_string(), value))
    .into_iter()
    .collect()
}
