//! Solana's machine. It knows neither maps nor contexts: the program gets the region's address in `r1`, and calls the
//! table's helpers by names.
//!
//! As its users run it, each access is translated from an address space of the program's own, and so checked; counted
//! instructions, random no-ops and hidden constants are switched off here, which no other peer has. Translation can be
//! switched off, too: then a program uses addresses of the host, unchecked, as those of the other peers do.

use std::error::Error;
use std::ptr::NonNull;
use std::sync::Arc;

use solana_sbpf::ebpf::{MM_INPUT_START, MM_STACK_START, hash_symbol_name};
use solana_sbpf::elf::Executable;
use solana_sbpf::error::ProgramResult;
use solana_sbpf::memory_region::{MemoryMapping, MemoryRegion};
use solana_sbpf::program::{BuiltinFunctionDefinition, BuiltinProgram, FunctionRegistry, SBPFVersion};
use solana_sbpf::verifier::RequisiteVerifier;
use solana_sbpf::vm::{Config, ContextObject, EbpfVm, ExecutionMode};

use super::Table;
use super::tables::{places, shared};

/// What a run needs: the memory that it may use.
struct Context(MemoryMapping);

impl ContextObject for Context {
    fn consume(&mut self, _: u64) {}

    fn get_remaining(&self) -> u64 {
        i64::MAX as u64
    }

    fn active_mapping_ptr(&mut self) -> NonNull<MemoryMapping> {
        NonNull::from_mut(&mut self.0)
    }
}

macro_rules! helper {
    ($name:ident, $function:path) => {
        struct $name;

        impl BuiltinFunctionDefinition<Context> for $name {
            type Error = Box<dyn Error>;

            fn rust(_: &mut Context, a: u64, b: u64, c: u64, d: u64, e: u64) -> Result<u64, Self::Error> {
                Ok($function(a, b, c, d, e))
            }
        }
    };
}

helper!(SharedLookup, shared::lookup);
helper!(SharedUpdate, shared::update);
helper!(PlacesLookup, places::lookup);
helper!(PlacesUpdate, places::update);

/// A program with its region, ready to be run; what it returns. What it needs is never given back: a benchmark ends soon.
///
/// The table's addresses are the host's, so a program that calls it runs unchecked only.
pub fn sbpf(program: &[u8], table: Table, region: Vec<u8>, checked: bool) -> impl FnMut() -> u64 + 'static {
    let config = Config {
        enable_address_translation: checked,
        enable_stack_frame_gaps: false,
        enable_instruction_meter: false,
        noop_instruction_rate: 0,
        sanitize_user_provided_values: false,
        ..Config::default()
    };
    let version = SBPFVersion::V3;
    let mut loader = BuiltinProgram::new_loader(config.clone());
    let registered = match table {
        Table::Shared => loader
            .register_definition::<SharedLookup>("lookup")
            .and_then(|()| loader.register_definition::<SharedUpdate>("update")),
        Table::Places => loader
            .register_definition::<PlacesLookup>("lookup")
            .and_then(|()| loader.register_definition::<PlacesUpdate>("update")),
    };
    registered.expect("two helpers");
    let loader = Arc::new(loader);
    let executable = Executable::from_text_bytes(
        &named(program),
        Arc::clone(&loader),
        version,
        FunctionRegistry::default(),
    )
    .unwrap_or_else(|e| panic!("sbpf: {e}"));
    executable.verify::<RequisiteVerifier>().unwrap_or_else(|e| panic!("sbpf: {e}"));
    executable.jit_compile().unwrap_or_else(|e| panic!("sbpf: {e}"));

    let region = Vec::leak(region);
    let stack = Vec::leak(vec![0; config.stack_size()]);
    let (region_addr, stack_addr) = (region.as_ptr() as u64, stack.as_ptr() as u64);
    let regions = vec![
        executable.get_ro_region(),
        MemoryRegion::new(&raw mut *stack, MM_STACK_START),
        MemoryRegion::new(&raw mut *region, MM_INPUT_START),
    ];
    // SAFETY: the regions are never given back, and nobody else uses them.
    let mapping = unsafe { MemoryMapping::new(regions, &config, version) }.expect("a mapping");
    let mut vm = EbpfVm::new(loader, version, Box::leak(Box::new(Context(mapping))), config.stack_size());
    if !checked {
        vm.registers[10] = stack_addr + config.stack_frame_size as u64;
    }
    vm.registers[1] = if checked { MM_INPUT_START } else { region_addr };
    move || match vm.execute_program(&executable, &mut ExecutionMode::Jit, &mut []) {
        (_, ProgramResult::Ok(result)) => result,
        (_, ProgramResult::Err(error)) => panic!("sbpf: {error}"),
    }
}

/// The program with its calls by name, as sbpf has them: a hash in place of the number.
fn named(program: &[u8]) -> Vec<u8> {
    const CALL: u8 = 0x85;
    let mut program = program.to_vec();
    for [opcode, _, _, _, imm @ ..] in program.as_chunks_mut::<8>().0 {
        if *opcode == CALL {
            let name: &[u8] = if *imm == 1_u32.to_le_bytes() { b"lookup" } else { b"update" };
            *imm = hash_symbol_name(name).to_le_bytes();
        }
    }
    program
}
