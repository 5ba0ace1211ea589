using NUnit.Framework;
using Serving.Api.Config;

namespace Serving.Tests.Api.Validation;

/// <summary>One rule about the pod part of a Service: a specification, and what is wrong with it; nothing when it is accepted.</summary>
/// <param name="Name">What the row is about.</param>
/// <param name="PodSpec">The specification, JSON.</param>
/// <param name="Expected">The refusal. <c>~</c> stands for <c>spec.template.spec</c>, <c>#</c> for its first container.</param>
/// <param name="Features">The features that are on; null for those of a fresh installation.</param>
internal sealed record PodRule(string Name, string PodSpec, string Expected = "", FeaturesConfig? Features = null)
{
    /// <summary>The refusal, written out.</summary>
    public string Refusal => Expected
        .Replace("#", "spec.template.spec.containers[0]", StringComparison.Ordinal)
        .Replace("~", "spec.template.spec", StringComparison.Ordinal);

    public TestCaseData ToCase() => new TestCaseData(this).SetName($"{{m}}({Name})");
}
