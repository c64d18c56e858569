use salus_runtime::opaque::Block;
use sc_cli::SubstrateCli;
use sc_service::{config::PruningMode, Configuration, PartialComponents};

use crate::{
    chain_spec,
    cli::{Cli, Subcommand},
    consortium, ports, service,
};

impl SubstrateCli for Cli {
    fn impl_name() -> String {
        "Salus Node".into()
    }

    fn impl_version() -> String {
        env!("SUBSTRATE_CLI_IMPL_VERSION").into()
    }

    fn description() -> String {
        "Makes, checks and keeps the blocks of a Salus consortium.".into()
    }

    fn author() -> String {
        "The Salus developers".into()
    }

    fn support_url() -> String {
        "see docs/ in the source".into()
    }

    fn copyright_start_year() -> i32 {
        2026
    }

    fn load_spec(&self, id: &str) -> Result<Box<dyn sc_service::ChainSpec>, String> {
        Ok(Box::new(chain_spec::load(id)?))
    }
}

/// A trail is read from the states of old blocks: they are kept unless the operator says otherwise.
fn archive(mut config: Configuration) -> Configuration {
    config
        .state_pruning
        .get_or_insert(PruningMode::ArchiveCanonical);
    config
}

pub fn run() -> sc_cli::Result<()> {
    let cli = Cli::from_args();

    match &cli.subcommand {
        None => cli
            .create_runner(&cli.run)?
            .run_node_until_exit(|config| async move {
                let config = ports::claim(archive(config)).map_err(sc_cli::Error::Input)?;
                service::start(config).map_err(sc_cli::Error::Service)
            }),
        Some(Subcommand::Key(cmd)) => cmd.run().map_err(sc_cli::Error::Input),
        Some(Subcommand::SessionKeys(cmd)) => cmd.run().map_err(sc_cli::Error::Input),
        Some(Subcommand::Consortium { members, runtime }) => {
            consortium::found(members, runtime.as_deref()).map_err(sc_cli::Error::Input)
        }
        Some(Subcommand::ExportChainSpec(cmd)) => cmd.run(cli.load_spec(&cmd.chain)?),
        Some(Subcommand::CheckBlock(cmd)) => cli.create_runner(cmd)?.async_run(|config| {
            let PartialComponents {
                client,
                task_manager,
                import_queue,
                ..
            } = service::new_partial(&archive(config))?;
            Ok((cmd.run(client, import_queue), task_manager))
        }),
        Some(Subcommand::ExportBlocks(cmd)) => cli.create_runner(cmd)?.async_run(|config| {
            let config = archive(config);
            let PartialComponents {
                client,
                task_manager,
                ..
            } = service::new_partial(&config)?;
            Ok((cmd.run(client, config.database), task_manager))
        }),
        Some(Subcommand::ExportState(cmd)) => cli.create_runner(cmd)?.async_run(|config| {
            let config = archive(config);
            let PartialComponents {
                client,
                task_manager,
                ..
            } = service::new_partial(&config)?;
            Ok((cmd.run(client, config.chain_spec), task_manager))
        }),
        Some(Subcommand::ImportBlocks(cmd)) => cli.create_runner(cmd)?.async_run(|config| {
            let PartialComponents {
                client,
                task_manager,
                import_queue,
                ..
            } = service::new_partial(&archive(config))?;
            Ok((cmd.run(client, import_queue), task_manager))
        }),
        Some(Subcommand::PurgeChain(cmd)) => cli
            .create_runner(cmd)?
            .sync_run(|config| cmd.run(config.database)),
        Some(Subcommand::Revert(cmd)) => cli.create_runner(cmd)?.async_run(|config| {
            let PartialComponents {
                client,
                task_manager,
                backend,
                ..
            } = service::new_partial(&archive(config))?;
            let revert = cmd.run(
                client,
                backend,
                Some(Box::new(|client, _, blocks| {
                    sc_consensus_grandpa::revert(client, blocks)?;
                    Ok(())
                })),
            );
            Ok((revert, task_manager))
        }),
        Some(Subcommand::ChainInfo(cmd)) => cli
            .create_runner(cmd)?
            .sync_run(|config| cmd.run::<Block>(&archive(config))),
    }
}
