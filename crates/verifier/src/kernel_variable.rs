//! Variables of the kernel that a program names (`extern ... __ksym`).

use belay_isa::{Imm64, Insn, Pc};
use belay_object::btf::{Kind, TypeId};
use belay_object::{Extern, ExternKind};

use crate::fault::{Check, Fault, Stop};
use crate::object::{Flags, Object, ObjectType};
use crate::value::{Memory, Pointer, Value};
use crate::walk::Walk;

/// The section in which the kernel's types list its per-CPU variables.
const PER_CPU_SECTION: &str = ".data..percpu";

/// The option with which a kernel knows the addresses of its variables, not only of its functions.
const DATA_SYMBOLS: &str = "CONFIG_KALLSYMS_ALL";

impl Walk<'_> {
    /// Every variable that the program names must be there, whether or not a path reaches the place.
    pub(crate) fn check_variables(&self) -> Result<(), (Pc, Stop)> {
        for (pc, insn) in self.layout.instructions() {
            if let Insn::LoadImm64 { value: Imm64::BtfId(index, _), .. } = insn {
                self.kernel_variable(*index).map_err(|stop| (pc, stop))?;
            }
        }
        Ok(())
    }

    /// The address of a variable: of a structure, an object; of anything else, memory to read. What the kernel lacks
    /// has the address 0, if the program may do without it.
    pub(crate) fn kernel_variable(&self, index: i32) -> Check<Value> {
        let unknown = || Stop::unsupported("a kernel variable without a name");
        let symbol = usize::try_from(index).ok().and_then(|at| self.externs.get(at)).ok_or_else(unknown)?;
        match symbol.kind {
            // The loader puts the address there: a number to the verifier. (Which one matters to no check but for NULL.)
            ExternKind::UntypedKsym => Ok(Value::unknown()),
            ExternKind::TypedKsym => self.typed_variable(symbol),
            // To be compared with NULL: memory of which nothing may be read.
            ExternKind::Kfunc if self.kernel.btf().find_func(symbol.kernel_name()).is_some() => {
                Ok(Value::pointer(Pointer::Memory(Memory { read_only: true, ..Memory::of(0) })))
            }
            ExternKind::Kfunc if symbol.weak => Ok(Value::constant(0)),
            ExternKind::Kfunc | ExternKind::Kconfig { .. } => {
                Err(Stop::unsupported(format!("the address of `{}`", symbol.kernel_name())))
            }
        }
    }

    fn typed_variable(&self, symbol: &Extern) -> Check<Value> {
        let types = self.kernel_types();
        let name = symbol.kernel_name();
        let Some(variable) = types.find(name, |kind| matches!(kind, Kind::Var { .. })) else {
            if symbol.weak {
                return Ok(Value::constant(0));
            }
            return Err(Stop::unsupported(format!("the kernel variable `{name}`, which that kernel lacks")));
        };
        let Kind::Var { ty, .. } = types.get(variable).kind else { return Err(Stop::unsupported(name)) };
        match self.kernel.facts().config.get(DATA_SYMBOLS).map(String::as_str) {
            Some("y") => {}
            Some(_) => {
                let kernel = format!("ldimm64 failed to find the address for kernel symbol '{name}'.");
                return Err(Fault::Program { kernel }.into());
            }
            None => return Err(Stop::unsupported("whether that kernel tells addresses of its variables")),
        }
        let object = |flags| {
            let ty = ObjectType::Kernel(ty);
            Value::pointer(Pointer::Object(Object { ty, flags }))
        };
        if self.is_per_cpu(variable)? {
            return Ok(object(Flags::PER_CPU));
        }
        if types.strip(ty).kind.members().is_some() {
            return Ok(object(Flags::NONE));
        }
        let Some(size) = types.size_of(ty) else {
            let kernel = format!("ldimm64 unable to resolve the size of type '{}'", types.name(ty));
            return Err(Fault::Program { kernel }.into());
        };
        Ok(Value::pointer(Pointer::Memory(Memory { read_only: true, ..Memory::of(size) })))
    }

    fn is_per_cpu(&self, variable: TypeId) -> Check<bool> {
        let types = self.kernel_types();
        let Some(section) = types.find_section(PER_CPU_SECTION) else { return Ok(false) };
        let Kind::Section { vars, .. } = types.get(section).kind else { return Ok(false) };
        Ok(vars.iter().any(|entry| entry.ty == variable))
    }
}
