using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Defaults;
using Serving.Api.Validation;

namespace Serving.Tests.Api.Validation;

public sealed class PodRuleTests
{
    private static IEnumerable<TestCaseData> Rows => PodRules.All.Select(r => r.ToCase());

    [TestCaseSource(nameof(Rows))]
    public void A_service_is_judged_by(object row)
    {
        var rule = (PodRule)row;
        var context = rule.Features is { } features ? Documents.With(features) : Documents.Create;
        var service = ServiceDefaults.Apply(Documents.Service(rule.PodSpec), null, context);

        ServiceValidation.Validate(service, null, context).Only(FieldErrorLevel.Error).ToString().Should().Be(rule.Refusal);
    }
}
