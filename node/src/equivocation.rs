//! Two blocks by one author in one slot: the author's keys run on two machines, or are stolen.
//!
//! GRANDPA's double votes are reported to the chain by the voter itself. For Aura this release has
//! no report: the operators hear of it, by log and metric, and the council bars the validator.

use std::{collections::BTreeMap, sync::Arc};

use futures::StreamExt;
use salus_runtime::{opaque::Block, Hash};
use sc_client_api::BlockchainEvents;
use sp_consensus_aura::{
    digests::CompatibleDigestItem,
    sr25519::{AuthorityId, AuthoritySignature},
    AuraApi, Slot,
};
use sp_core::crypto::Ss58Codec;
use sp_runtime::traits::Header as _;
use substrate_prometheus_endpoint::{register, Counter, PrometheusError, Registry, U64};

use crate::service::FullClient;

/// Slots that are remembered: a second block comes soon or is of no use.
const SLOTS: usize = 4_096;

type Header = <Block as sp_runtime::traits::Block>::Header;

/// Watches every block that is imported, also those of forks, for ever.
pub async fn watch(client: Arc<FullClient>, found: Option<Counter<U64>>) {
    let mut blocks = client.every_import_notification_stream();
    let mut seen = BTreeMap::<Slot, Vec<(AuthorityId, Hash)>>::new();
    while let Some(block) = blocks.next().await {
        let Some((slot, author)) = author(&client, &block.header) else {
            continue;
        };
        let in_slot = seen.entry(slot).or_default();
        let other = in_slot
            .iter()
            .find(|(known, hash)| *known == author && *hash != block.hash);
        if let Some((_, other)) = other {
            log::error!(
                "🚨 The author {} made two blocks in slot {}: {} and {}. Its keys run on two machines, or are \
                 stolen. Stop one; the council bars the validator with `salus council propose bar`.",
                author.to_ss58check(),
                *slot,
                other,
                block.hash,
            );
            if let Some(found) = &found {
                found.inc();
            }
        }
        if !in_slot.iter().any(|(_, hash)| *hash == block.hash) {
            in_slot.push((author, block.hash));
        }
        while seen.len() > SLOTS {
            seen.pop_first();
        }
    }
}

/// The counter that alerts are made from.
pub fn counter(registry: &Registry) -> Result<Counter<U64>, PrometheusError> {
    let name = "salus_aura_equivocations_total";
    register(
        Counter::new(name, "Slots in which an author made two blocks")?,
        registry,
    )
}

/// Whose slot a block was made in. Its seal was verified when it was imported.
fn author(client: &FullClient, header: &Header) -> Option<(Slot, AuthorityId)> {
    use sp_api::ProvideRuntimeApi;

    let slot = header
        .digest()
        .logs()
        .iter()
        .find_map(CompatibleDigestItem::<AuthoritySignature>::as_aura_pre_digest)?;
    let authorities = client
        .runtime_api()
        .authorities(*header.parent_hash())
        .ok()?;
    let turn = (*slot).checked_rem(authorities.len() as u64)?;
    Some((slot, authorities.get(turn as usize)?.clone()))
}
