"""Bayesian Gaussian mixture models with full posterior uncertainty.

    import bayesgmm as bg
    tree = bg.fit(X, bg.MixtureSpec(n_components=3), random_seed=1)
    bg.diagnose(tree)

Names are imported when they are first used, so that ``import bayesgmm`` is fast.
"""

from importlib import import_module

from bayesgmm.priors.catalog import PRIOR_HOMES, STRUCTURE_HOMES

_HOMES = {
    "fitting": ("fit", "resample", "estimate", "build_model", "from_draws"),
    "examples": ("example_fit",),
    **PRIOR_HOMES,
    **STRUCTURE_HOMES,
    "estimation.em": ("EM",),
    "estimation.point_estimate": ("PointEstimate", "Status"),
    "parameters": ("MixtureParameters",),
    "engines.nuts": ("NUTS",),
    "engines.advi": ("ADVI",),
    "engines.gibbs": ("Gibbs",),
    "engines.laplace": ("Laplace",),
    "posterior.relabel.relabel": ("relabel",),
    "posterior.relabel.permute": ("undo_relabeling",),
    "posterior.relabel.by_rows": ("ECR", "IterativeECR", "Stephens"),
    "posterior.relabel.by_parameters": ("PRA", "PointProcess"),
    "posterior.relabel.order": ("OrderBy",),
    "tree.storage": ("save", "load"),
    "data.answers": ("table",),
    "analysis.summarize": ("summarize",),
    "analysis.clustering.cluster": ("cluster",),
    "analysis.clustering.co_clustering": ("co_clustering",),
    "analysis.clustering.partition": (
        "partition", "VariationOfInformation", "Binder", "OneMinusAdjustedRand",
        "NormalizedVariationOfInformation",
    ),
    "analysis.clustering.credible_ball": ("credible_ball",),
    "analysis.clustering.representative_partitions": ("representative_partitions",),
    "analysis.clustering.agreement": ("agreement",),
    "analysis.clustering.overlap": ("overlap",),
    "analysis.clustering.merge_components": ("merge_components",),
    "analysis.clustering.merge_by_entropy": ("EntropyMerging",),
    "analysis.clustering.merge_by_ridgeline": ("RidgelineMerging",),
    "analysis.density.log_density": ("log_density",),
    "analysis.density.distribution": ("cdf", "quantile"),
    "analysis.density.highest_density_region": ("highest_density_region",),
    "analysis.density.conditional": ("condition", "marginalize"),
    "analysis.density.regress": ("regress",),
    "analysis.generation.generate": ("generate",),
    "analysis.generation.simulate": ("simulate", "Simulation"),
    "analysis.generation.similarity": ("similarity", "Similarity"),
    "analysis.generation.prior_predictive": ("prior_predictive",),
    "analysis.generation.posterior_predictive": ("posterior_predictive",),
    "analysis.imputation.impute": ("impute", "Imputation"),
    "analysis.imputation.pool_imputations": ("pool_imputations",),
    "analysis.selection.select": ("select",),
    "analysis.selection.compare": ("compare",),
    "analysis.selection.evidence": ("evidence",),
    "analysis.selection.prior_number_of_clusters": ("prior_number_of_clusters",),
    "analysis.diagnosis.diagnose": ("diagnose",),
    "analysis.diagnosis.value": ("Diagnosis", "Finding"),
    "analysis.diagnosis.labeling_report": ("labeling_report", "LabelingReport"),
    "analysis.calibration.calibrate": ("calibrate",),
    "analysis.calibration.value": ("Calibration",),
    "estimators.bayesian_mixture": ("BayesianGaussianMixture",),
    "estimators.gaussian_mixture": ("GaussianMixture",),
    "plots.clusters": ("plot_clusters",),
    "plots.density": ("plot_density",),
    "plots.weights": ("plot_weights",),
    "plots.components": ("plot_components",),
    "plots.co_clustering": ("plot_co_clustering",),
    "plots.certainty": ("plot_certainty",),
    "plots.label_switching": ("plot_label_switching",),
    "plots.predictive": ("plot_predictive",),
    "plots.selection": ("plot_selection",),
    "plots.number_of_components": ("plot_number_of_components",),
    "plots.chains": ("plot_traces", "plot_ranks"),
    "plots.accessor": ("Plots",),
    "report.write": ("write_report",),
    "errors": (
        "BayesGMMError", "DataError", "SpecificationError", "SchemaError", "NotFittedError",
        "MissingDependencyError", "BayesGMMWarning", "ConvergenceWarning", "LabelSwitchingWarning",
    ),
}  # fmt: skip
_HOME_OF = {name: f"bayesgmm.{home}" for home, names in _HOMES.items() for name in names}
_MODULES = {"datasets": "bayesgmm.data.datasets"}

__version__ = "0.1.0"
__all__ = sorted([*_HOME_OF, *_MODULES])


def __getattr__(name: str) -> object:
    if name in _MODULES:
        value: object = import_module(_MODULES[name])
    elif name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
    else:
        raise AttributeError(f"module 'bayesgmm' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
