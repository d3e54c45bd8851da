//! Which functions a program has, and the machine code of each.

use std::collections::{BTreeMap, BTreeSet};

use belay_isa::Pc;
use cranelift_codegen::Context;
use cranelift_codegen::ir::{AbiParam, Signature, types};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, default_libcall_names};

use super::frames;
use super::listing::{Listing, listing};
use super::memory::Published;
use super::translate::translate;
use crate::engine::FRAME_SIZE;
use crate::maps::Maps;
use crate::op::{Code, Constant, Op};

/// A function of a program: slots `start .. end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Bytes of stack that it uses.
    pub(super) stack: u32,
    pub(super) id: FuncId,
}

/// What the translation of each function knows of all of them.
pub(super) struct Unit<'c> {
    pub(super) code: &'c Code,
    pub(super) maps: &'c Maps,
    /// By first slot.
    pub(super) functions: BTreeMap<u32, Function>,
    /// First slots of those whose address is taken: what a helper may call back.
    pub(super) callbacks: BTreeSet<u32>,
    /// Whether helpers look for its frames.
    pub(super) frames_looked_for: bool,
}

/// Compiles a program and makes it executable.
pub(super) fn publish(code: &Code, maps: &Maps) -> Result<Published, String> {
    let mut module = module()?;
    let unit = Unit::declare(code, maps, &mut module)?;
    let entry = unit.functions.get(&0).ok_or("a program without instructions")?.id;
    compile(&unit, &mut module, |_, _| ())?;
    Published::new(module, entry, code.passed.is_some())
}

/// Compiles a program for the eye only.
pub(super) fn list(code: &Code, maps: &Maps) -> Result<Listing, String> {
    let mut module = module()?;
    let unit = Unit::declare(code, maps, &mut module)?;
    let mut lines = Vec::new();
    compile(&unit, &mut module, |function, context| lines.extend(listing(Pc(function.start), context)))?;
    Ok(Listing { target: module.isa().triple().to_string(), lines })
}

/// Compiles every function; each is handed on when it is done.
fn compile(
    unit: &Unit<'_>,
    module: &mut JITModule,
    mut done: impl FnMut(&Function, &Context),
) -> Result<(), String> {
    let (mut context, mut builder) = (module.make_context(), FunctionBuilderContext::new());
    for function in unit.functions.values() {
        context.func.signature = signature(module);
        translate(unit, function, module, &mut context.func, &mut builder);
        module
            .define_function(function.id, &mut context)
            .map_err(|error| format!("the function at instruction {}: {error:?}", function.start))?;
        done(function, &context);
        module.clear_context(&mut context);
    }
    Ok(())
}

/// A module for this machine.
fn module() -> Result<JITModule, String> {
    Ok(JITModule::new(JITBuilder::with_isa(isa()?, default_libcall_names())))
}

fn isa() -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    for (flag, value) in [
        ("opt_level", "speed"),
        // Programs are proved, and the translation is tested; the check would double the time.
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
        ("use_colocated_libcalls", "false"),
        ("is_pic", "false"),
        // Nothing unwinds through a program: helpers do not panic.
        ("unwind_info", "false"),
        // A frame is 512 bytes and a few registers: guard pages are not jumped over.
        ("enable_probestack", "false"),
        // Speculation is the embedder's to mitigate: there are no secrets beyond the process.
        ("enable_heap_access_spectre_mitigation", "false"),
        ("enable_table_access_spectre_mitigation", "false"),
    ] {
        flags.set(flag, value).map_err(|error| error.to_string())?;
    }
    let isa = cranelift_native::builder().map_err(ToOwned::to_owned)?;
    let isa = isa.finish(settings::Flags::new(flags)).map_err(|error| error.to_string())?;
    if isa.pointer_bits() != 64 {
        return Err(format!("{} has no 64-bit addresses", isa.triple()));
    }
    Ok(isa)
}

/// The signature of [`super::Native`].
pub(super) fn signature(module: &JITModule) -> Signature {
    let mut signature = module.make_signature();
    signature.params = vec![AbiParam::new(types::I64); 6];
    signature.returns = vec![AbiParam::new(types::I64)];
    signature
}

impl<'c> Unit<'c> {
    fn declare(code: &'c Code, maps: &'c Maps, module: &mut JITModule) -> Result<Unit<'c>, String> {
        let mut callbacks = BTreeSet::new();
        // The verifier lists every function; without it, any may use all of its frame.
        let unlisted = if code.verified { 0 } else { FRAME_SIZE };
        let mut starts = BTreeMap::from([(0, unlisted)]);
        for op in &code.ops {
            match *op {
                Op::Const { what: Constant::Function(to), .. } => {
                    callbacks.insert(to);
                    starts.entry(to).or_insert(unlisted);
                }
                Op::Call { to } => {
                    starts.entry(to).or_insert(unlisted);
                }
                _ => {}
            }
        }
        starts.extend(code.frames.iter().map(|(pc, stack)| (pc.0, *stack)));
        let len = u32::try_from(code.ops.len()).map_err(|error| error.to_string())?;
        // What leads out of the program is never reached.
        starts.retain(|start, _| *start < len);
        callbacks.retain(|start| *start < len);
        let signature = signature(module);
        let ends: Vec<u32> = starts.keys().copied().skip(1).chain([len]).collect();
        let mut functions = BTreeMap::new();
        for ((&start, &stack), end) in starts.iter().zip(ends) {
            let id = module
                .declare_function(&format!("{}+{start}", code.name), Linkage::Local, &signature)
                .map_err(|error| error.to_string())?;
            functions.insert(start, Function { start, end, stack, id });
        }
        let frames_looked_for = frames::are_looked_for(code);
        Ok(Unit { code, maps, functions, callbacks, frames_looked_for })
    }
}
