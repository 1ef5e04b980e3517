from bayesgmm.analysis.agreement import agreement as agreement
from bayesgmm.analysis.calibrate import calibrate as calibrate
from bayesgmm.analysis.calibration.value import Calibration as Calibration
from bayesgmm.analysis.closeness.value import Similarity as Similarity
from bayesgmm.analysis.cluster import cluster as cluster
from bayesgmm.analysis.co_clustering import co_clustering as co_clustering
from bayesgmm.analysis.compare import compare as compare
from bayesgmm.analysis.conditional import (
    condition as condition,
)
from bayesgmm.analysis.conditional import (
    marginal as marginal,
)
from bayesgmm.analysis.credible_ball import credible_ball as credible_ball
from bayesgmm.analysis.density import log_density as log_density
from bayesgmm.analysis.diagnose import diagnose as diagnose
from bayesgmm.analysis.diagnosis.value import (
    Diagnosis as Diagnosis,
)
from bayesgmm.analysis.diagnosis.value import (
    Finding as Finding,
)
from bayesgmm.analysis.distribution import (
    cdf as cdf,
)
from bayesgmm.analysis.distribution import (
    quantile as quantile,
)
from bayesgmm.analysis.generate import generate as generate
from bayesgmm.analysis.highest_density import highest_density_region as highest_density_region
from bayesgmm.analysis.impute import (
    Imputation as Imputation,
)
from bayesgmm.analysis.impute import (
    impute as impute,
)
from bayesgmm.analysis.labelling import (
    LabellingReport as LabellingReport,
)
from bayesgmm.analysis.labelling import (
    labelling_report as labelling_report,
)
from bayesgmm.analysis.merge import merge_components as merge_components
from bayesgmm.analysis.merging.entropy import EntropyMerging as EntropyMerging
from bayesgmm.analysis.merging.ridgeline import RidgelineMerging as RidgelineMerging
from bayesgmm.analysis.overlap import overlap as overlap
from bayesgmm.analysis.partition import partition as partition
from bayesgmm.analysis.partitions.losses import (
    Binder as Binder,
)
from bayesgmm.analysis.partitions.losses import (
    NormalizedVariationOfInformation as NormalizedVariationOfInformation,
)
from bayesgmm.analysis.partitions.losses import (
    OneMinusAdjustedRand as OneMinusAdjustedRand,
)
from bayesgmm.analysis.partitions.losses import (
    VariationOfInformation as VariationOfInformation,
)
from bayesgmm.analysis.pool import pool as pool
from bayesgmm.analysis.predictive import posterior_predictive as posterior_predictive
from bayesgmm.analysis.prior import prior_predictive as prior_predictive
from bayesgmm.analysis.regress import regress as regress
from bayesgmm.analysis.representatives import representative_partitions as representative_partitions
from bayesgmm.analysis.select import select as select
from bayesgmm.analysis.similarity import similarity as similarity
from bayesgmm.analysis.simulate import simulate as simulate
from bayesgmm.analysis.simulation.value import Simulation as Simulation
from bayesgmm.analysis.summarize import summarize as summarize
from bayesgmm.data import datasets as datasets
from bayesgmm.data.answers import table as table
from bayesgmm.engines.advi import ADVI as ADVI
from bayesgmm.engines.gibbs import Gibbs as Gibbs
from bayesgmm.engines.laplace import Laplace as Laplace
from bayesgmm.engines.nuts import NUTS as NUTS
from bayesgmm.errors import (
    BayesGMMError as BayesGMMError,
)
from bayesgmm.errors import (
    BayesGMMWarning as BayesGMMWarning,
)
from bayesgmm.errors import (
    ConvergenceWarning as ConvergenceWarning,
)
from bayesgmm.errors import (
    DataError as DataError,
)
from bayesgmm.errors import (
    LabelSwitchingWarning as LabelSwitchingWarning,
)
from bayesgmm.errors import (
    MissingDependencyError as MissingDependencyError,
)
from bayesgmm.errors import (
    NotFittedError as NotFittedError,
)
from bayesgmm.errors import (
    SchemaError as SchemaError,
)
from bayesgmm.errors import (
    SpecificationError as SpecificationError,
)
from bayesgmm.estimation.em import EM as EM
from bayesgmm.estimation.point_estimate import (
    PointEstimate as PointEstimate,
)
from bayesgmm.estimation.point_estimate import (
    Status as Status,
)
from bayesgmm.estimators.bayesian_mixture import BayesianGaussianMixture as BayesianGaussianMixture
from bayesgmm.estimators.gaussian_mixture import GaussianMixture as GaussianMixture
from bayesgmm.examples import example_fit as example_fit
from bayesgmm.fitting import (
    build_model as build_model,
)
from bayesgmm.fitting import (
    estimate as estimate,
)
from bayesgmm.fitting import (
    fit as fit,
)
from bayesgmm.fitting import (
    from_draws as from_draws,
)
from bayesgmm.fitting import (
    refine as refine,
)
from bayesgmm.parameters import MixtureParameters as MixtureParameters
from bayesgmm.plots.accessor import Plots as Plots
from bayesgmm.plots.certainty import plot_certainty as plot_certainty
from bayesgmm.plots.chains import (
    plot_ranks as plot_ranks,
)
from bayesgmm.plots.chains import (
    plot_traces as plot_traces,
)
from bayesgmm.plots.co_clustering import plot_co_clustering as plot_co_clustering
from bayesgmm.plots.components import plot_components as plot_components
from bayesgmm.plots.density import plot_density as plot_density
from bayesgmm.plots.label_switching import plot_label_switching as plot_label_switching
from bayesgmm.plots.pairs import plot_clusters as plot_clusters
from bayesgmm.plots.predictive import plot_predictive as plot_predictive
from bayesgmm.plots.selection import plot_selection as plot_selection
from bayesgmm.plots.weights import plot_weights as plot_weights
from bayesgmm.posterior.relabel.ecr import (
    ECR as ECR,
)
from bayesgmm.posterior.relabel.ecr import (
    IterativeECR as IterativeECR,
)
from bayesgmm.posterior.relabel.order import OrderBy as OrderBy
from bayesgmm.posterior.relabel.parameters import (
    PRA as PRA,
)
from bayesgmm.posterior.relabel.parameters import (
    PointProcess as PointProcess,
)
from bayesgmm.posterior.relabel.permute import in_raw_order as in_raw_order
from bayesgmm.posterior.relabel.relabel import relabel as relabel
from bayesgmm.posterior.relabel.stephens import Stephens as Stephens
from bayesgmm.posterior.storage import (
    load as load,
)
from bayesgmm.posterior.storage import (
    save as save,
)
from bayesgmm.priors.correlations import LKJ as LKJ
from bayesgmm.priors.covariances import (
    Diagonal as Diagonal,
)
from bayesgmm.priors.covariances import (
    Full as Full,
)
from bayesgmm.priors.covariances import (
    Spherical as Spherical,
)
from bayesgmm.priors.covariances import (
    Tied as Tied,
)
from bayesgmm.priors.covariances import (
    TiedDiagonal as TiedDiagonal,
)
from bayesgmm.priors.covariances import (
    TiedSpherical as TiedSpherical,
)
from bayesgmm.priors.inverse_wishart import (
    InverseWishart as InverseWishart,
)
from bayesgmm.priors.inverse_wishart import (
    TiedInverseWishart as TiedInverseWishart,
)
from bayesgmm.priors.means import NormalMeans as NormalMeans
from bayesgmm.priors.scales import (
    Exponential as Exponential,
)
from bayesgmm.priors.scales import (
    Gamma as Gamma,
)
from bayesgmm.priors.scales import (
    HalfNormal as HalfNormal,
)
from bayesgmm.priors.scales import (
    HalfT as HalfT,
)
from bayesgmm.priors.scales import (
    InverseGamma as InverseGamma,
)
from bayesgmm.priors.scales import (
    LogNormal as LogNormal,
)
from bayesgmm.priors.spec import MixtureSpec as MixtureSpec
from bayesgmm.priors.weights import Dirichlet as Dirichlet
from bayesgmm.report.write import write_report as write_report

__version__: str
