using NUnit.Framework;
using Serving.Api.Config;

namespace Serving.Tests.Api.Validation;

/// <summary>A rule about the pod part of a Service: a specification, and the expected error; none when it is valid.</summary>
/// <param name="Name">The name of the row.</param>
/// <param name="PodSpec">The specification, JSON.</param>
/// <param name="Expected">The error. <c>~</c> stands for <c>spec.template.spec</c>, <c>#</c> for its first container.</param>
/// <param name="Features">The enabled features; null for those of a fresh installation.</param>
internal sealed record PodRule(string Name, string PodSpec, string Expected = "", FeaturesConfig? Features = null)
{
    /// <summary>The error with its abbreviations expanded.</summary>
    public string Refusal =>
        Expected
            .Replace("#", "spec.template.spec.containers[0]", StringComparison.Ordinal)
            .Replace("~", "spec.template.spec", StringComparison.Ordinal);

    public TestCaseData ToCase() => new TestCaseData(this).SetName($"{{m}}({Name})");
}
