using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using NUnit.Framework;

namespace Serving.Tests.LocalCluster.ApiServer;

[TestFixture]
internal sealed class AdmissionTests
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";
    private RunningServer _server = null!;
    private WebApplication _webhook = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _server = await RunningServer.StartAsync();
        using var certificate = Certificate();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder
            .WebHost.UseKestrelCore()
            .UseKestrelHttpsConfiguration()
            .ConfigureKestrel(k =>
                k.Listen(
                    IPAddress.Loopback,
                    0,
                    l => l.UseHttps(X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null))
                )
            );
        _webhook = builder.Build();
        _webhook.Run(AnswerAsync);
        await _webhook.StartAsync();
        var port = new Uri(_webhook.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
        await _server.PostAsync(
            "/api/v1/namespaces/default/services",
            """{"apiVersion":"v1","kind":"Service","metadata":{"name":"hook"},"spec":{"ports":[{"name":"https","port":443}]}}"""
        );
        await _server.PostAsync(
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
            $$"""
            {"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":"hook","labels":{"kubernetes.io/service-name":"hook"} },"addressType":"IPv4",
             "endpoints":[{"addresses":["127.0.0.1"],"conditions":{"ready":true} },{"addresses":["127.0.0.9"],"conditions":{"ready":true} }],"ports":[{"name":"https","port":{{port}} }]}
            """
        );
        foreach (
            var (kind, plural, path) in new[]
            {
                ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "mutate"),
                ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "validate"),
            }
        )
        {
            var (code, _) = await _server.PostAsync(
                $"/apis/admissionregistration.k8s.io/v1/{plural}",
                $$"""
                {"apiVersion":"admissionregistration.k8s.io/v1","kind":"{{kind}}","metadata":{"name":"{{path}}"},"webhooks":[{
                 "name":"{{path}}.example.com","admissionReviewVersions":["v1"],"sideEffects":"None",
                 "objectSelector":{"matchLabels":{"hooked":"yes"} },
                 "rules":[{"apiGroups":[""],"apiVersions":["v1"],"resources":["configmaps"],"operations":["CREATE","UPDATE"]}],
                 "clientConfig":{"service":{"name":"hook","namespace":"default","path":"/{{path}}"},"caBundle":"{{Convert.ToBase64String(
                    Encoding.UTF8.GetBytes(certificate.ExportCertificatePem())
                )}}"} }]}
                """
            );
            code.Should().Be(201);
        }
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        await _webhook.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Test]
    public async Task A_mutating_webhook_patches_the_object()
    {
        var (code, created) = await _server.PostAsync(Maps, Map("good"));
        code.Should().Be(201, created.ToJsonString());
        created["data"]!["added"]!.GetValue<string>().Should().Be("by-webhook");
    }

    [Test]
    public async Task A_webhook_is_called_at_another_endpoint_when_nobody_answers_at_the_first()
    {
        for (var i = 0; i < 8; i++)
        {
            var (code, created) = await _server.PostAsync(Maps, Map($"alive-{i}"));
            code.Should().Be(201, created.ToJsonString());
        }
    }

    [Test]
    public async Task A_validating_webhook_refuses_with_its_words()
    {
        var (code, status) = await _server.PostAsync(Maps, Map("bad"));
        code.Should().Be(400);
        status["reason"]!.GetValue<string>().Should().Be("BadRequest");
        status["message"]!.GetValue<string>().Should().Be("admission webhook \"validate.example.com\" denied the request: no bad maps");
    }

    [Test]
    public async Task Objects_outside_the_selector_are_not_shown()
    {
        var (code, created) = await _server.PostAsync(Maps, Map("unseen", "no"));
        code.Should().Be(201);
        created["data"]!["added"].Should().BeNull();
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        var review = (await JsonNode.ParseAsync(context.Request.Body))!;
        var response = new JsonObject { ["uid"] = review["request"]!["uid"]!.DeepClone(), ["allowed"] = true };
        if (context.Request.Path == "/mutate")
        {
            response["patchType"] = "JSONPatch";
            response["patch"] = Convert.ToBase64String("""[{"op":"add","path":"/data/added","value":"by-webhook"}]"""u8);
        }
        else if (review["request"]!["name"]!.GetValue<string>() == "bad")
        {
            response["allowed"] = false;
            response["status"] = new JsonObject { ["message"] = "no bad maps", ["code"] = 400 };
        }

        var body = new JsonObject
        {
            ["apiVersion"] = "admission.k8s.io/v1",
            ["kind"] = "AdmissionReview",
            ["response"] = response,
        };
        await context.Response.WriteAsync(body.ToJsonString());
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=hook", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("hook.default.svc");
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static string Map(string name, string hooked = "yes") =>
        $$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{name}}","labels":{"hooked":"{{hooked}}"} },"data":{"a":"1"} }""";
}
