using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Defaults;
using Serving.Api.Knative;
using Serving.Api.Validation;

namespace Serving.Tests.Api.Validation;

/// <summary>The MUST NOT and SHOULD NOT requirements of the runtime contract.</summary>
public sealed class RuntimeContractTests
{
    [TestCase("""{"image":"busybox","ports":[{"name":"arbitrary","containerPort":8080}]}""")]
    [TestCase("""{"image":"busybox","volumeMounts":[{"name":"VolumeMount","mountPath":"/","mountPropagation":"HostToContainer"}]}""")]
    [TestCase("""{"image":"busybox","lifecycle":{"postStart":{"exec":{"command":["true"]}}}}""")]
    [TestCase("""{"image":"busybox","lifecycle":{"preStop":{"exec":{"command":["true"]}}}}""")]
    [TestCase("""{"image":"busybox","ports":[{"containerPort":80},{"containerPort":81}]}""")]
    [TestCase("""{"image":"busybox","ports":[{"hostPort":80}]}""")]
    [TestCase("""{"image":"busybox","stdin":true}""")]
    [TestCase("""{"image":"busybox","stdinOnce":true}""")]
    [TestCase("""{"image":"busybox","tty":true}""")]
    [TestCase("""{"image":"busybox","securityContext":{"runAsUser":-10}}""")]
    public void What_a_program_must_not_rely_on_is_refused(string container) =>
        Errors(Documents.Service("{\"containers\":[" + container + "]}")).Should().NotBeEmpty();

    [TestCase("""{"name":"v","configMap":{"name":"c"}}""")]
    [TestCase("""{"name":"v","secret":{"secretName":"s"}}""")]
    [TestCase("""{"name":"v","emptyDir":{"medium":"Memory","sizeLimit":"10M"}}""")]
    [TestCase("""{"name":"v","projected":{"sources":[{"configMap":{"name":"c"}}]}}""")]
    [TestCase(
        """{"name":"v","projected":{"sources":[{"secret":{"name":"s","items":[{"key":"a","path":"b/c"}]}},{"configMap":{"name":"c"}}]}}"""
    )]
    [TestCase(
        """{"name":"v","projected":{"sources":[{"serviceAccountToken":{"path":"token","audience":"api","expirationSeconds":3600}}]}}"""
    )]
    public void Volumes_of_the_contract_are_accepted(string volume) =>
        Errors(
                Documents.Service(
                    "{\"containers\":[{\"image\":\"busybox\",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/data\"}]}],\"volumes\":["
                        + volume
                        + "]}"
                )
            )
            .Should()
            .BeEmpty();

    [TestCase("""{"image":"busybox","command":["/bin/app"],"args":["a"],"workingDir":"/work"}""")]
    [TestCase("""{"image":"busybox","envFrom":[{"secretRef":{"name":"s"}},{"configMapRef":{"name":"c"}}]}""")]
    [TestCase("""{"image":"busybox","env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"c","key":"k"}}}]}""")]
    [TestCase("""{"image":"busybox","ports":[{"name":"h2c","containerPort":8080}]}""")]
    [TestCase("""{"image":"busybox","ports":[{"name":"http1","containerPort":8080}]}""")]
    [TestCase("""{"image":"busybox","securityContext":{"runAsUser":2020}}""")]
    [TestCase("""{"image":"busybox","readinessProbe":{"exec":{"command":["true"]},"periodSeconds":2}}""")]
    [TestCase("""{"image":"busybox","livenessProbe":{"httpGet":{"path":"/healthz"}}}""")]
    [TestCase("""{"image":"busybox","resources":{"limits":{"memory":"350Mi","cpu":"1"},"requests":{"cpu":"50m"}}}""")]
    public void What_a_program_may_ask_for_is_accepted(string container) =>
        Errors(Documents.Service("{\"containers\":[" + container + "]}")).Should().BeEmpty();

    [Test]
    public void A_name_may_be_generated() =>
        Errors(Documents.Service(metadata: """{"generateName":"hello-","namespace":"default"}""")).Should().BeEmpty();

    private static string Errors(Service service) =>
        ServiceValidation
            .Validate(ServiceDefaults.Apply(service, null, Documents.Create), null, Documents.Create)
            .Only(FieldErrorLevel.Error)
            .ToString();
}
